"""A file of vectors that a person gives: which formats there are, and which of its vectors is meant."""

from collections.abc import Callable

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from stability.errors import StabilityError
from stability.ui.kept import within
from stability.ui.widgets.errors import show_error
from stability.ui.wording import plain
from stability.vector_files.registry import parse_vectors
from stability.vector_files.vector_file import Entry, VectorFile

# MB of an upload: as text, a component takes some 25 bytes, and a hundred vectors of ten thousand 25 MB
LARGEST_UPLOAD = 50
ENDINGS = ("npy", "npz", "json", "svec", "safetensors", "gguf", "pt")
FORMATS = "GGUF control vectors, .safetensors, .npy, .npz, .svec, .json, .pt without pickled code"


def upload_field(label: str, key: str) -> UploadedFile | None:
    """Draw the field in which a file of vectors is given."""
    return st.file_uploader(label, ENDINGS, key=key, max_upload_size=LARGEST_UPLOAD, help=FORMATS)


def path_field(
    key: str,
    is_read: Callable[[str], bool],
    read: Callable[[str], None],
    explanation: str | None = None,
) -> str | None:
    """Draw the field of a path; None for none, and until a person has asked to `read` it.

    A link may not have a file read unasked: to read a path may wake a device.
    """
    path = st.text_input("Path, of a file or of a folder", key=key, help=explanation).strip()
    if path and not is_read(path):
        st.button("Read it", on_click=read, args=(path,), key=f"read_{key}")
        return None
    return path or None


def entry_of_upload(name: str, data: bytes, key: str, unnamed: str) -> str | None:
    """Name a file, and choose one vector of it; None for its only one, or as `unnamed` says."""
    st.caption(f"Uploaded: {plain(name)}.")
    return entry_of(lambda: _parsed(name, data), key, unnamed)


def entry_of(read: Callable[[], VectorFile], key: str, unnamed: str) -> str | None:
    """Choose one vector of what is read; None as `unnamed` says, and for its only one.

    The only one may be chosen, too, where it has a site: then it is applied at any other.
    """
    try:
        file = read()
    except StabilityError as error:
        show_error(error)
        return None
    [first, *others] = file.entries
    if not others and (first.applied, first.extracted) == (None, None):
        return None
    places = {entry.name: f"{entry.name} ({_placed(entry)})" for entry in file.entries}
    names = {"": unnamed, **places}
    within(key, names)
    st.selectbox("Which vector of it", names, key=key, format_func=lambda name: names[name])
    return str(st.session_state[key]) or None


def _placed(entry: Entry) -> str:
    applied = entry.applied or "no site"
    return f"{applied}, measured at {entry.extracted}" if entry.extracted else applied


@st.cache_resource(max_entries=8, show_spinner=False)
def _parsed(name: str, data: bytes) -> VectorFile:
    return parse_vectors(data, name)
