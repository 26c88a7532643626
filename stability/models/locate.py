"""Where a model's files are: one folder, for every way of naming a model."""

import os
from pathlib import Path

from stability.errors import StabilityError
from stability.models.hub_download import snapshot
from stability.models.model_name import is_gguf, parse_name, shortened
from stability.models.packaged.cache import ensure, ensure_gguf
from stability.models.packaged.registry import PACKAGED
from stability.models.progress import Report


def locate(typed: str, report: Report) -> tuple[Path, str]:
    """Return the folder of a model's files, prepared when needed, and its revision.

    The revision is a package and version, the hash of a GGUF file, the commit of a hub model, or
    `local`.

    Raises:
        StabilityError: there is no such model.
    """
    name = parse_name(typed)
    match name.kind:
        case "packaged":
            return ensure(name.text, report), PACKAGED[name.text].revision
        case "hub":
            folder = snapshot(name, report)
            return folder, folder.name
        case "path":
            return _locate_path(name.text, report)


def _locate_path(name: str, report: Report) -> tuple[Path, str]:
    # unlike Path.expanduser, it leaves an unknown user as it is
    path = Path(os.path.expanduser(name))
    if is_gguf(path):
        folder = ensure_gguf(path, report)
        # the folder is named by the SHA-256 of the file
        return folder, f"{path.name} sha256:{folder.name.removeprefix('gguf-')}"
    # it answers for names that no file system takes, too
    if not os.path.isdir(path):
        raise StabilityError(
            "A local model must be a folder with its configuration, weights and tokenizer; "
            f"{shortened(name)} is {'a file' if os.path.exists(path) else 'missing'}: check the path."
        )
    return path, "local"
