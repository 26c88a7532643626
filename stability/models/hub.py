"""A model's files on the hub: what they are and ask for, before any is fetched."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from stability.errors import StabilityError
from stability.models.foreign import reason
from stability.models.model_name import ModelName
from stability.models.requirements import Requirements, licence_of, weights_of

# seconds for all that is asked of the hub about one model
PATIENCE = 20.0
# endings of the small files that configuration and tokenizer consist of
SMALL_FILES = (".json", ".txt", ".model", ".jinja", ".tiktoken")
ADAPTER = "adapter_model.safetensors"
Answer = TypeVar("Answer")


class HubSilentError(StabilityError):
    """The hub does not answer, or may not be asked."""


@dataclass(frozen=True)
class Listing:
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
    listing = listed(name)
    missing = listing.missing.values()
    return Requirements(
        title=name.text,
        licence=listing.licence,
        to_fetch=None if None in missing else total(listing.missing),
        weights=weights_of(listing.shapes),
    )


def listed(name: ModelName) -> Listing:
    """What the hub says of a model's files; raises StabilityError as `examine_on_hub`."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    def question() -> tuple[Any, Any]:
        api = HfApi()
        info = api.model_info(name.repository, revision=name.revision, files_metadata=True)
        files = {file.rfilename for file in info.siblings or ()}
        if "config.json" not in files and ADAPTER in files:
            return info, {ADAPTER: _header(api, name, info.sha)}
        whole = api.get_safetensors_metadata(name.repository, revision=info.sha)
        return info, whole.files_metadata

    info, weights = _ask(name, question)
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
    return Listing(
        needed=needed,
        missing={file: size for file, size in needed.items() if file not in cached},
        shapes=[tensor.shape for file in weights.values() for tensor in file.tensors.values()],
        licence=licence_of(info.card_data.to_dict() if info.card_data else {}),
    )


def _header(api: Any, name: ModelName, revision: str | None) -> Any:
    """The tensors of an adapter's weights, from the beginning of their file."""
    return api.parse_safetensors_file_metadata(name.repository, ADAPTER, revision=revision)


def total(sizes: dict[str, int | None]) -> int:
    """Bytes of files, those of unknown size left out."""
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
        f"({'offline mode is on' if is_offline else reason(error)}): check the name and the "
        "connection."
    )
