"""Model files that a visitor uploads: kept in a folder that goes with the session or the server."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakSet

import streamlit as st

from stability.errors import StabilityError, writing
from stability.models.model_name import shortened

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


def save(uploads: Sequence[tuple[str, bytes]]) -> str:
    """Write the uploaded files of one model, names and contents, and return the path to load it from.

    Raises StabilityError unless they are one GGUF file, or a folder's weights, configuration and
    tokenizer.
    """
    names = [Path(name).name for name, _ in uploads]
    if len(names) == 1 and names[0].endswith(".gguf"):
        # of the given name only what every file system takes
        names = [re.sub(r"[^\w.-]", "_", names[0], flags=re.ASCII)[-100:]]
    elif not {WEIGHTS, CONFIG} <= set(names) or not set(names) <= set(ACCEPTED):
        other = next((name for name in names if name not in ACCEPTED), "too few of them")
        raise StabilityError(
            f"Upload one .gguf file, or {WEIGHTS}, {CONFIG} and the tokenizer's files; received "
            f"{shortened(other)}: choose the files again."
        )
    with writing("An upload needs a folder", Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix="model-", dir=_session_folder()))
        for name, (_, content) in zip(names, uploads, strict=True):
            (folder / name).write_bytes(content)
    return str(folder / names[0] if names[0].endswith(".gguf") else folder)


def is_upload(path: str) -> bool:
    """Whether a path lies in the folder of a session that goes on."""
    return any(folder.path in Path(path).parents for folder in _folders)


class _Folder:
    """A folder of uploads, removed when nothing holds this object, or when the server stops."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="stability-uploads-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        _folders.add(self)


_folders: WeakSet[_Folder] = WeakSet()


def _session_folder() -> Path:
    """The folder of this session, which holds it."""
    if "uploads" not in st.session_state:
        st.session_state.uploads = _Folder()
    folder: _Folder = st.session_state.uploads
    return folder.path
