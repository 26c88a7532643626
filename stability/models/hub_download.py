"""The download of a model from the hub, into the hub's own cache; it can be stopped."""

from pathlib import Path
from typing import Any

from stability.errors import StabilityError
from stability.models.foreign import reason
from stability.models.hub import HubSilentError, listed, total
from stability.models.model_name import ModelName
from stability.models.progress import Report


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
    missing = listed(name).missing
    bar = _reporting_bar(name.text, total(missing), report)
    for file in missing:
        try:
            hf_hub_download(name.repository, file, revision=name.revision, tqdm_class=bar)
        except StabilityError:
            raise
        except Exception as error:
            raise StabilityError(
                f"A download must be whole; that of {name.text} was interrupted by {reason(error)}: "
                "check the connection and the room on the disk, and try again."
            ) from error


def snapshot(name: ModelName, report: Report) -> Path:
    """The folder of a hub model's files, named by its commit; what the cache lacks is fetched.

    Raises StabilityError as `examine_on_hub`, but where the hub is silent only if nothing is cached.
    """
    try:
        download(name, report)
    except HubSilentError:
        if folder := cached_snapshot(name):
            return folder
        raise
    folder = cached_snapshot(name)
    assert folder is not None
    return folder


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
