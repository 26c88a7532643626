"""The model hub: the folder of a model's files, fetched once into the hub's own cache."""

from concurrent.futures import Future, wait
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

from huggingface_hub import constants, get_session, snapshot_download
from huggingface_hub.errors import (
    DryRunError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from stability.errors import StabilityError
from stability.models.foreign import reason
from stability.models.packaged.registry import PACKAGED
from stability.models.progress import Report
from stability.models.transformers_logging import quiet

# what is read of a model; neither its code nor its pickles are fetched
FILES = [
    "*.json",
    "*.jinja",
    "*.model",
    "*.txt",
    "*.tiktoken",
    "model.safetensors",
    "model-*.safetensors",
    "adapter_model.safetensors",
    "README.md",
    "LICENSE*",
]

_UNKNOWN = (
    "A model must be a packaged name ({packaged}), a hub id, a local folder or a .gguf file; "
)
# by the first kind that fits: the error of a gated model is also one of an absent model
REFUSALS: dict[type[Exception], str] = {
    HFValidationError: _UNKNOWN + "{name!r} is none of these: check the name.",
    GatedRepoError: "The hub must let you read a model; {name!r} is gated: accept its terms on its "
    "page, and set HF_TOKEN to a token of yours.",
    RepositoryNotFoundError: _UNKNOWN
    + "the hub has no {name!r} that you may read: check the name, or "
    "set HF_TOKEN if it is private.",
    RevisionNotFoundError: "A revision must be a branch, tag or commit of the model; the hub has no "
    "{name!r}: check what follows the @.",
    LocalEntryNotFoundError: _UNKNOWN
    + "{name!r} is not in the hub's cache here, and the hub cannot be "
    "reached: check the name, or the connection.",
    HfHubHTTPError: "The hub must give a model's files; for {name!r} it answers {reason}: try "
    "again later.",
    Exception: "A model's files must arrive whole; fetching {name!r} was interrupted by {reason}: run "
    "the same again, and it goes on where it stopped.",
}


def hub_answers() -> bool:
    """Return whether the hub gives any answer within its client's own timeout.

    That is `HF_HUB_ETAG_TIMEOUT`; without a network the client would try six times, in 45 seconds,
    and report nothing.
    """
    timeout = constants.HF_HUB_ETAG_TIMEOUT
    answer: Future[bool] = Future()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=timeout)
            answer.set_result(True)
        # the client may be built on one HTTP library or another
        except Exception:
            answer.set_result(False)

    # in a thread: resolving the name has no timeout, and each address of several has its own
    Thread(target=ask, daemon=True).start()
    return bool(wait([answer], timeout).done) and answer.result()


def snapshot(name: str, report: Report) -> Path:
    """Return the folder of a hub model's files, named by its commit; fetch what the cache lacks.

    Args:
        name: `owner/model`, or `owner/model@revision` with a branch, tag or commit.
        report: called with a message and the fraction of the bytes that has arrived.

    Raises:
        StabilityError: the hub has no such model or revision, asks for permission, or cannot be
            reached and the cache does not hold the model.
    """
    repository, _, revision = name.partition("@")
    options: Any = {
        "revision": revision or None,
        "cache_dir": constants.HF_HUB_CACHE,
        "allow_patterns": FILES,
        # copies in other formats
        "ignore_patterns": ["*/*"],
    }
    report(f"Asking the hub for {name}", 0.0)
    cached_only = not hub_answers()
    try:
        with quiet():
            if cached_only:
                return Path(snapshot_download(repository, local_files_only=True, **options))
            files = snapshot_download(repository, dry_run=True, **options)
            size = sum(file.file_size for file in files if file.will_download)
            bar = _reporting_bar(name, size, report)
            return Path(snapshot_download(repository, tqdm_class=bar, **options))
    except StabilityError:
        raise
    except Exception as error:
        raise StabilityError(_sentence(error, name)) from error


def _sentence(error: Exception, name: str) -> str:
    """Say why a hub has not given a model, and what to do."""
    # the plan of a download hides why it could not be made
    if isinstance(error, DryRunError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    template = next(template for kind, template in REFUSALS.items() if isinstance(error, kind))
    return template.format(name=name, reason=reason(error), packaged=", ".join(PACKAGED))


def _reporting_bar(name: str, size: int, report: Report) -> Any:
    """Return a progress bar for the hub's client, which reports bytes of `size` and draws nothing."""

    class ReportingBar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "file": StringIO(), "leave": False})

        def update(self, n: int | float | None = 1) -> bool | None:
            drawn = super().update(n)
            # another bar of the client counts files
            if self.unit == "B" and size:
                message = f"Fetching {name} ({self.n / 1e6:,.0f} of {size / 1e6:,.0f} MB)"
                report(message, min(self.n / size, 1.0))
            return drawn

    return ReportingBar
