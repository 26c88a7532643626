"""Files that a visitor uploads, a model or a dictionary: one of each, in a folder of the session."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from stability.errors import StabilityError, writing
from stability.models.model_name import is_gguf, shortened

# MB of an upload that is no model: a vector or a list of prompts is a hundredth of it
SMALL = 5
WEIGHTS, CONFIG = "model.safetensors", "config.json"
# the files of a model folder; not those that name other files, as an index or an adapter does
ACCEPTED = (
    *(WEIGHTS, CONFIG, "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
    *(
        "special_tokens_map.json",
        "tokenizer.model",
        "vocab.json",
        "merges.txt",
        "chat_template.jinja",
    ),
)
ENDINGS = ("gguf", "safetensors", "json", "model", "txt", "jinja")
DICTIONARY_FOLDER = ("cfg.json", "sae_weights.safetensors")
DICTIONARY_ENDINGS = ("npy", "npz", "safetensors", "pt", "json")


def save(uploads: Sequence[tuple[str, bytes]]) -> str:
    """Write the uploaded files of one model, names and contents, and return the path to load it from.

    Raises StabilityError unless they are one GGUF file, or a folder's weights, configuration and
    tokenizer.
    """
    names = [Path(name).name for name, _ in uploads]
    if len(names) == 1 and is_gguf(names[0]):
        names = [_safe(names[0])]
    elif not {WEIGHTS, CONFIG} <= set(names) or not set(names) <= set(ACCEPTED):
        other = next((name for name in names if name not in ACCEPTED), "too few of them")
        raise StabilityError(
            f"Upload one .gguf file, or {WEIGHTS}, {CONFIG} and the tokenizer's files; received "
            f"{shortened(other)}: choose the files again."
        )
    folder = _written("model", names, [content for _, content in uploads])
    return str(folder / names[0] if is_gguf(names[0]) else folder)


def save_dictionary(uploads: Sequence[tuple[str, bytes]]) -> str:
    """Write the uploaded file, or the two of a sparse autoencoder's folder; return the path.

    Raises StabilityError for other files.
    """
    names = [Path(name).name for name, _ in uploads]
    is_folder = sorted(names) == sorted(DICTIONARY_FOLDER)
    if len(names) != 1 and not is_folder:
        raise StabilityError(
            f"Upload one file, or {' and '.join(DICTIONARY_FOLDER)} together; received "
            f"{', '.join(map(shortened, names[:3]))}: choose the files again."
        )
    names = names if is_folder else [_safe(names[0])]
    folder = _written("dictionary", names, [content for _, content in uploads])
    return str(folder if is_folder else folder / names[0])


def _safe(name: str) -> str:
    """Of a given name only what every file system takes; without its ending it is no `..`."""
    return re.sub(r"^\.|[^\w.-]", "_", name[-100:], flags=re.ASCII)


def _written(kind: str, names: Sequence[str], contents: Sequence[bytes]) -> Path:
    """Write files of a kind into a folder of the session, and remove those that were there."""
    with writing("An upload needs a folder", Path(tempfile.gettempdir())):
        session = _session_folder()
        # one at a time: a look at each of many would fill the disk
        for previous in session.glob(f"{kind}-*"):
            shutil.rmtree(previous, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=session))
        for name, content in zip(names, contents, strict=True):
            (folder / name).write_bytes(content)
    return folder


def upload_at(path: str | Path) -> Path | None:
    """The upload at a path, with neither `..` nor links; None for any other path."""
    written = Path(os.path.abspath(path))
    # no other path is looked at: that may wake a device or call another computer
    if _folders.isdisjoint(written.parents):
        return None
    resolved = Path(os.path.realpath(written))
    return None if _folders.isdisjoint(resolved.parents) else resolved


# they stay here when they are gone: a name that is made by chance is not made twice
_folders: set[Path] = set()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


# Streamlit releases it when a session ends, or its connection does
@st.cache_resource(scope="session", show_spinner=False, on_release=_remove)
def _session_folder() -> Path:
    """The folder of this session's uploads."""
    folder = Path(tempfile.mkdtemp(prefix="stability-uploads-")).resolve()
    _folders.add(folder)
    atexit.register(_remove, folder)
    return folder
