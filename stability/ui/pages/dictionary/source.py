"""The file of a dictionary: uploaded, or named by its path on this computer."""

import streamlit as st

from stability.errors import StabilityError
from stability.ui.server import may_name_paths
from stability.ui.uploads import DICTIONARY_ENDINGS, save_dictionary, upload_at
from stability.ui.widgets.errors import show_error
from stability.ui.wording import plain


def choose_source() -> str | None:
    """Draw the fields of a file; return its path, None while there is none."""
    upload = st.session_state.get("dictionary_upload")
    if upload is not None and upload_at(upload) is not None:
        left, right = st.columns([5, 1], vertical_alignment="center")
        left.caption(f"In use: {plain(st.session_state.dictionary_name)}.")
        right.button("Use another", on_click=_drop)
        return str(upload)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    path = ""
    if may_name_paths():
        path = st.session_state.setdefault("dictionary_path", "")
        left.text_input(
            "A path on this computer",
            path,
            key="dictionary_typed",
            placeholder="a folder of SAELens, or .npy, .npz, .safetensors, .pt",
            on_change=_open_typed,
        )
    right.file_uploader(
        "or upload: one file, or cfg.json and sae_weights.safetensors",
        DICTIONARY_ENDINGS,
        accept_multiple_files=True,
        key=f"dictionary_files {st.session_state.get('dictionary_uploads', 0)}",
        on_change=_keep,
    )
    if error := st.session_state.pop("dictionary_error", None):
        show_error(StabilityError(error))
    if not path:
        return None
    # a link may name any file: to read one unasked may wake a device or call another computer
    if st.session_state.get("dictionary_opened") != path:
        st.button(f"Open {plain(path)}", on_click=_open, args=(path,), type="primary")
        return None
    return str(path)


def _open_typed() -> None:
    _open(st.session_state.dictionary_typed.strip())


def _open(path: str) -> None:
    """Read the file of a path that a person has typed, or has seen in the field."""
    st.session_state.update(dictionary_path=path, dictionary_opened=path)


def _keep() -> None:
    state = st.session_state
    files = state[f"dictionary_files {state.get('dictionary_uploads', 0)}"]
    if not files:
        return
    try:
        state.dictionary_upload = save_dictionary([(file.name, file.getvalue()) for file in files])
        state.dictionary_name = " and ".join(file.name for file in files)
    except StabilityError as error:
        state.dictionary_error = str(error)
    # a field with another key is an empty one
    state.dictionary_uploads = state.get("dictionary_uploads", 0) + 1


def _drop() -> None:
    st.session_state.pop("dictionary_upload", None)
