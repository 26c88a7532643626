"""The vector of the Dose page: what makes it, where and how it is applied."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from stability.ui.cached.models import is_loaded, loaded
from stability.ui.dose_choice import (
    BLOCK,
    BLOCKS,
    KINDS,
    METHODS,
    MODES,
    OWN,
    PAIRS,
    READOUT,
    FromContent,
    FromPairs,
    FromPath,
    VectorChoice,
    middle,
)
from stability.ui.kept import within
from stability.ui.server import may_name_paths, stamp_of
from stability.ui.widgets.vector_upload import entry_of, entry_of_upload, path_field, upload_field
from stability.vector_files.registry import read_vectors
from stability.vector_files.vector_file import ADD, VectorFile

ALL_ENTRIES = "all, each at its own site"
# what is drawn of one option must not depend on the vector: the browser keeps it
PLACES = {OWN: "where it belongs", BLOCK: "after a block", READOUT: "at the readout (prelogit)"}
PLACE_HELP = "It belongs where its file says, or where it was measured."
MODE_HELP = "Added: h + c·v. Projected out: h − c·(h·d)d with d = v/‖v‖, so that c = 1 removes it."


def choose_vector(model: str) -> VectorChoice | None:
    """Draw the fields of a vector; None as long as it is still to be given."""
    kinds = [kind for kind in KINDS if kind != "path" or may_name_paths()]
    within("vector", kinds)
    kind = st.selectbox("Vector", kinds, key="vector", format_func=lambda kind: KINDS[kind])
    fields: dict[str, Callable[[], VectorChoice | None]] = {
        "pairs": lambda: _from_pairs(model),
        "file": _from_file,
        "path": _from_path,
        "numbers": _from_numbers,
    }
    return fields[kind]()


def choose_site(model: str) -> str | None:
    """Draw where the vector is applied; None where it was measured, or where the file says."""
    within("applied", PLACES)
    at = st.selectbox(
        "Applied", PLACES, key="applied", format_func=lambda place: PLACES[place], help=PLACE_HELP
    )
    if at == BLOCK:
        return f"block:{_block(model, 'Applied after block', 'applied_block')}"
    return READOUT if at == READOUT else None


def choose_mode(vector: VectorChoice | None) -> str | None:
    """Draw how the vector is applied; None as the file says, which a vector made of pairs has not."""
    is_made = isinstance(vector, FromPairs)
    # keys of their own: what is chosen for pairs must not overrule a file
    key = "pairs_mode" if is_made else "vector_mode"
    names = {"": MODES[ADD] if is_made else "as the file says"}
    names |= {mode: name for mode, name in MODES.items() if not (is_made and mode == ADD)}
    within(key, names)
    st.selectbox("How", names, key=key, format_func=lambda mode: names[mode], help=MODE_HELP)
    return str(st.session_state[key]) or None


def blocks_of(model: str) -> int:
    """The number of a model's blocks, which has to be loaded for that unless it is the first."""
    known = None if is_loaded(model) else BLOCKS.get(model)
    return known or loaded(model).card.n_layers


def _block(model: str, label: str, key: str) -> int:
    blocks = blocks_of(model)
    # another model may have fewer
    if st.session_state.get(key, -1) not in range(blocks):
        st.session_state[key] = middle(blocks)
    block: int = st.number_input(label, 0, blocks - 1, key=key)
    return block


def _from_pairs(model: str) -> FromPairs:
    st.session_state.setdefault("pairs", PAIRS)
    with st.popover("The contrast pairs", width="stretch"):
        st.text_area(
            "A pair in each line: positive | negative",
            key="pairs",
            height=330,
            width=700,
            help="The vector points from what is right of the line to what is left of it, by the "
            "states of the last tokens. Ctrl+Enter applies a change.",
        )
    within("method", METHODS)
    method = st.selectbox("Made as", METHODS, key="method", format_func=lambda name: METHODS[name])
    block = _block(model, "Measured after block", "measured")
    return FromPairs(st.session_state.get("pairs", PAIRS), method, f"block:{block}")


def _from_file() -> FromContent | None:
    if upload := upload_field("A file of steering vectors", "vector upload"):
        # Streamlit forgets the file when the page is left
        st.session_state.vector_file = FromContent(upload.name, upload.getvalue())
    kept: FromContent | None = st.session_state.get("vector_file")
    if kept is None:
        return None
    entry = entry_of_upload(kept.name, kept.data, "vector_entry", ALL_ENTRIES)
    return FromContent(kept.name, kept.data, entry)


def _from_path() -> FromPath | None:
    path = path_field("vector_path", _is_read, _read_path)
    if path is None:
        return None
    stamp = stamp_of(path)
    entry = entry_of(lambda: _at_path(path, stamp), "vector_entry", ALL_ENTRIES)
    return FromPath(path, entry, stamp)


def _is_read(path: str) -> bool:
    return bool(st.session_state.get("read_path") == path)


def _read_path(path: str) -> None:
    st.session_state.read_path = path


def _from_numbers() -> FromContent | None:
    st.text_area("Its numbers", key="numbers", height=100, placeholder="[0.1, -0.2, …]")
    written = st.session_state.get("numbers", "")
    return FromContent("pasted vector", written.encode(), None, False) if written.strip() else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _at_path(path: str, stamp: int) -> VectorFile:
    return read_vectors(Path(path))
