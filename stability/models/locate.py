"""Where a model's files are: one folder, for every way of naming a model."""

import os
from pathlib import Path

from stability.errors import StabilityError
from stability.models.hub import snapshot
from stability.models.packaged.cache import ensure, ensure_gguf
from stability.models.packaged.registry import PACKAGED
from stability.models.progress import Report


def locate(name: str, report: Report) -> tuple[Path, str]:
    """Return the folder of a model's files, prepared when needed, and its revision.

    The revision is a package and version, the hash of a GGUF file, the commit of a hub model, or
    `local`.

    Raises:
        StabilityError: there is no such model.
    """
    if name in PACKAGED:
        return ensure(name, report), PACKAGED[name].revision
    # unlike Path.expanduser, it leaves an unknown user as it is
    path = Path(os.path.expanduser(name))
    if path.suffix.lower() == ".gguf":
        folder = ensure_gguf(path, report)
        # the folder is named by the SHA-256 of the file
        return folder, f"{path.name} sha256:{folder.name.removeprefix('gguf-')}"
    # these answer for names that no file system takes, too; no name is not the folder one is in
    if name and os.path.isdir(path):
        return path, "local"
    # no hub id looks like this
    if not name.strip() or name.startswith(("/", ".", "~")) or path.suffix == ".safetensors":
        raise StabilityError(
            "A local model must be a folder with its configuration, weights and tokenizer; "
            f"{name!r} is {'a file' if name and os.path.exists(path) else 'missing'}: check the path."
        )
    folder = snapshot(name, report)
    return folder, folder.name
