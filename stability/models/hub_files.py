"""A model's files on the hub: what they are, and their download with progress, which can be stopped."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from stability.errors import StabilityError
from stability.models.model_name import ModelName
from stability.models.progress import Report
from stability.models.requirements import Requirements, licence_of, weights_of

# seconds for all that is asked of the hub about one model
PATIENCE = 20.0
# endings of the small files that configuration and tokenizer consist of
SMALL_FILES = (".json", ".txt", ".model", ".jinja")
Answer = TypeVar("Answer")


class HubSilentError(StabilityError):
    """The hub does not answer, or may not be asked."""


@dataclass(frozen=True)
class _Listing:
    """The files of a hub model that loading needs, with their sizes, and those that are not cached."""

    needed: dict[str, int | None]
    missing: dict[str, int | None]
    shapes: list[list[int]]
    licence: str


def examine_on_hub(name: ModelName) -> Requirements:
    """What a model asks for, from the hub's own list of its files and the headers of its weights.

    Raises StabilityError for a model that is missing, private, gated or without safetensors weights,
    and HubSilentError where the hub cannot be asked.
    """
    listing = _listed(name)
    missing = listing.missing.values()
    return Requirements(
        name=name.text,
        title=name.text,
        licence=listing.licence,
        stored=_total(listing.needed) - _total(listing.missing),
        to_fetch=None if None in missing else _total(listing.missing),
        weights=weights_of(listing.shapes),
    )


def cached_snapshot(name: ModelName) -> Path | None:
    """The folder of a hub model in the hub's own cache, without asking the hub; None without one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(name.repository, revision=name.revision, local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    return Path(folder)


def download(name: ModelName, report: Report) -> None:
    """Fetch the files of a hub model that its cache lacks.

    An exception that `report` raises stops the download when the next ten megabytes have arrived, and
    the partial file is removed. Raises StabilityError as `examine_on_hub`.
    """
    from huggingface_hub import hf_hub_download

    report(f"Asking the hub for {name.text}", 0.0)
    missing = _listed(name).missing
    bar = _reporting_bar(name.text, _total(missing), report)
    for file in missing:
        try:
            hf_hub_download(name.repository, file, revision=name.revision, tqdm_class=bar)
        except StabilityError:
            raise
        except Exception as error:
            raise StabilityError(
                f"A download must be whole; that of {name.text} was interrupted ({_reason(error)}): "
                "check the connection and the room on the disk, and try again."
            ) from error


def _listed(name: ModelName) -> _Listing:
    from huggingface_hub import HfApi, try_to_load_from_cache

    def question() -> tuple[Any, Any]:
        api = HfApi()
        info = api.model_info(name.repository, revision=name.revision, files_metadata=True)
        return info, api.get_safetensors_metadata(name.repository, revision=info.sha)

    info, safetensors = _ask(name, question)
    weights = safetensors.files_metadata
    needed = {
        file.rfilename: file.size
        for file in info.siblings or ()
        if file.rfilename in weights
        or ("/" not in file.rfilename and file.rfilename.endswith(SMALL_FILES))
    }
    cached = {
        file
        for file in needed
        if isinstance(try_to_load_from_cache(name.repository, file, revision=info.sha), str)
    }
    return _Listing(
        needed=needed,
        missing={file: size for file, size in needed.items() if file not in cached},
        shapes=[tensor.shape for file in weights.values() for tensor in file.tensors.values()],
        licence=licence_of(info.card_data.to_dict() if info.card_data else {}),
    )


def _total(sizes: dict[str, int | None]) -> int:
    return sum(size or 0 for size in sizes.values())


def _ask(name: ModelName, question: Callable[[], Answer]) -> Answer:
    """The hub's answer, in a thread: resolving the name has no timeout, and each try has its own."""
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    if not wait([answer], PATIENCE).done:
        raise HubSilentError(
            f"The hub must answer within {PATIENCE:.0f} s; asked for {name.text}, it has not: check "
            "the connection and try again."
        )
    try:
        return answer.result()
    except Exception as error:
        raise _explained(name, error) from error


def _explained(name: ModelName, error: Exception) -> StabilityError:
    """One sentence for what the hub's client raises."""
    from huggingface_hub import errors

    match error:
        case errors.NotASafetensorsRepoError():
            return StabilityError(
                "A model on the hub must have safetensors weights (pickles are never read); "
                f"{name.text} has none: choose another copy of it."
            )
        case errors.GatedRepoError():
            return StabilityError(
                f"A gated model needs its owner's permission; {name.text} gives none: accept its terms "
                "on the hub, run `hf auth login` on this computer and try again."
            )
        case errors.RepositoryNotFoundError() | errors.RevisionNotFoundError():
            return StabilityError(
                f"A hub id must name a public model, or one that your login may read; {name.text} is "
                "not there: check its spelling and revision."
            )
    is_offline = isinstance(error, errors.OfflineModeIsEnabled)
    return HubSilentError(
        f"The hub must answer; asked for {name.text}, it has not "
        f"({'offline mode is on' if is_offline else _reason(error)}): check the connection and try "
        "again."
    )


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _reporting_bar(name: str, size: int, report: Report) -> type:
    """A progress bar that draws nothing, and reports the bytes of all files that have arrived."""
    from tqdm import tqdm

    arrived = 0

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": True})

        def update(self, n: int | float | None = 1) -> None:
            nonlocal arrived
            arrived += int(n or 0)
            message = f"Fetching {name}: {arrived / 1e6:.0f} of {size / 1e6:.0f} MB"
            report(message, arrived / max(size, 1))

    return Bar
