"""A model's files on the hub: what they are and ask for, before any is fetched."""

import re
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from stability.errors import StabilityError
from stability.models.foreign import reason
from stability.models.model_name import ModelName
from stability.models.requirements import Requirements, licence_of, weights_of

# seconds for all that is asked of the hub at once
PATIENCE = 20.0
# endings of the small files that configuration and tokenizer consist of
SMALL_FILES = (".json", ".txt", ".model", ".jinja", ".tiktoken")
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
ADAPTER = "adapter_model.safetensors"
# an answer that says that the hub is not itself, or busy
_UNWELL, _BUSY = 500, 429
Answer = TypeVar("Answer")


class HubSilentError(StabilityError):
    """The hub does not answer, or may not be asked."""


@dataclass(frozen=True)
class Listing:
    """The files of a hub model that loading needs, with their sizes, and those that are not cached."""

    commit: str
    needed: dict[str, int | None]
    missing: dict[str, int | None]
    licence: str

    @property
    def weights(self) -> list[str]:
        """The files of tensors."""
        return [file for file in self.needed if file.endswith(".safetensors")]


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
        weights=weights_of(_shapes(name, listing)),
    )


def listed(name: ModelName) -> Listing:
    """What the hub says of a model's files; raises StabilityError as `examine_on_hub`."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    def question() -> Any:
        return HfApi().model_info(name.repository, revision=name.revision, files_metadata=True)

    info = _ask(name, question)
    files = {file.rfilename: file.size for file in info.siblings or () if "/" not in file.rfilename}
    is_weights = WEIGHTS.fullmatch if "config.json" in files else ADAPTER.__eq__
    needed = {
        file: size for file, size in files.items() if is_weights(file) or file.endswith(SMALL_FILES)
    }
    listing = Listing(
        commit=info.sha,
        needed=needed,
        missing={
            file: size
            for file, size in needed.items()
            if not isinstance(try_to_load_from_cache(name.repository, file, revision=info.sha), str)
        },
        licence=licence_of(info.card_data.to_dict() if info.card_data else {}),
    )
    if not listing.weights:
        raise StabilityError(
            "A model on the hub must have safetensors weights (pickles are never read); "
            f"{name.text} has none: choose another copy of it."
        )
    return listing


def _shapes(name: ModelName, listing: Listing) -> list[list[int]]:
    """The shapes of all tensors, from the beginnings of their files."""
    from huggingface_hub import HfApi

    def header(file: str) -> Any:
        parse = HfApi().parse_safetensors_file_metadata
        return parse(name.repository, file, revision=listing.commit)

    headers = [_ask(name, partial(header, file)) for file in listing.weights]
    return [tensor.shape for found in headers for tensor in found.tensors.values()]


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
        raise explained(name, error) from error


def explained(name: ModelName, error: Exception) -> StabilityError:
    """One sentence for what the hub's client raises."""
    from huggingface_hub import errors

    match error:
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
    if _is_silence(error):
        return HubSilentError(
            f"The hub must answer; asked for {name.text}, it has not ({reason(error)}): check the "
            "name and the connection."
        )
    return StabilityError(
        f"The hub must give a model's files; asked for {name.text}, its client raises {reason(error)}: "
        "check the name, or try again later."
    )


def _is_silence(error: Exception) -> bool:
    """Whether the hub could not be asked, or could not answer; all else is an answer."""
    from huggingface_hub import errors

    if isinstance(error, errors.HfHubHTTPError):
        status = getattr(error.response, "status_code", _UNWELL)
        return bool(status >= _UNWELL or status == _BUSY)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    # the client may be built on one HTTP library or another
    return bool(
        kinds & {"OfflineModeIsEnabled", "ConnectionError", "TimeoutError", "TransportError"}
    )
