"""The download of a model from the hub, into the hub's own cache; it can be stopped."""

from pathlib import Path
from typing import Any

from stability.errors import StabilityError
from stability.models.foreign import reason
from stability.models.hub import ADAPTER, SMALL_FILES, HubSilentError, Listing, listed, total
from stability.models.model_name import ModelName
from stability.models.progress import Report

# those that `hub.listed` counts, as the client's patterns
FILES: dict[str, Any] = {
    "allow_patterns": [
        *(f"*{ending}" for ending in SMALL_FILES),
        "model.safetensors",
        "model-*-of-*.safetensors",
        ADAPTER,
    ],
    "ignore_patterns": ["*/*"],
}


def snapshot(name: ModelName, report: Report) -> Path:
    """The folder of a hub model's files, named by its commit; what the cache lacks is fetched.

    An exception that `report` raises stops the download when the next ten megabytes have arrived.
    Raises StabilityError as `examine_on_hub`, but where the hub is silent only if nothing is cached.
    """
    report(f"Asking the hub for {name.text}", 0.0)
    try:
        return _fetched(name, listed(name), report)
    except HubSilentError:
        if folder := cached_snapshot(name):
            return folder
        raise


def cached_snapshot(name: ModelName) -> Path | None:
    """The folder of a hub model in the hub's own cache, without asking the hub; None without one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(
            name.repository, revision=name.revision, local_files_only=True, **FILES
        )
    except LocalEntryNotFoundError:
        return None
    return Path(folder)


def _fetched(name: ModelName, listing: Listing, report: Report) -> Path:
    """All files of one commit: a branch that moves meanwhile is resolved once."""
    from huggingface_hub import constants, snapshot_download

    # its transport by Xet prints what a progress bar raises, and fetches the file to its end
    constants.HF_HUB_DISABLE_XET = True
    try:
        folder = snapshot_download(
            name.repository,
            revision=name.revision,
            **FILES,
            tqdm_class=_reporting_bar(name.text, total(listing.missing), report),
        )
    except StabilityError:
        raise
    except Exception as error:
        raise StabilityError(
            f"A download must be whole; that of {name.text} was interrupted by {reason(error)}: check "
            "the connection and the room on the disk, and try again."
        ) from error
    return Path(folder)


def _reporting_bar(name: str, size: int, report: Report) -> type:
    """A progress bar that draws nothing, and reports the bytes of all files that have arrived."""
    from tqdm import tqdm

    furthest = 0

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": True})
            self.counts_bytes, self.arrived = options.get("unit") == "B", 0

        def update(self, n: int | float | None = 1) -> None:
            nonlocal furthest
            self.arrived += int(n or 0)
            # also if another file is ahead: each file stops by its own report
            if self.counts_bytes:
                # the client counts bytes twice, as they arrive and as they are written
                furthest = max(furthest, self.arrived)
                message = f"Fetching {name}: {furthest / 1e6:.0f} of {size / 1e6:.0f} MB"
                report(message, min(furthest / max(size, 1), 1.0))

    return Bar
