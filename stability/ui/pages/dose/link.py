"""The link of the Dose page: what the server needs; c, ε, the statistic are the browser's."""

import hashlib

import streamlit as st

from stability.errors import StabilityError
from stability.ui.choice import MOST_BLOCKS
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
    middle,
)
from stability.ui.link import Field, Page
from stability.ui.link_fields import one_of, text
from stability.ui.pages.dose.defaults import PROMPT
from stability.ui.prompt_link import CHAT, MODEL

# of the hash of a file, enough to tell a person's files apart
HASH_DIGITS = 16


def _file() -> str | None:
    """The hash and the name of the file that is in use."""
    kept: FromContent | None = st.session_state.get("vector_file")
    if kept is None or st.session_state.get("vector") != "file":
        return None
    return f"{hashlib.sha256(kept.data).hexdigest()[:HASH_DIGITS]}:{kept.name}"


def _read_file(asked: str | None) -> None:
    if asked is None or asked == _file():
        return
    digest, _, name = asked.partition(":")
    st.session_state.pop("vector_file", None)
    raise StabilityError(
        f"the vector {name!r:.60} (sha256 {digest:.16}…) is a file, and not part of it: upload it."
    )


def _block(name: str) -> Field:
    """A block; by default the middle one of the model."""

    def read(asked: str | None) -> None:
        st.session_state.pop(name, None)
        if asked is None:
            return
        if not (asked.isascii() and asked.isdecimal() and int(asked[:9]) < MOST_BLOCKS):
            raise StabilityError(
                f"{name} must be a block from 0 to {MOST_BLOCKS - 1}; received {asked!r:.60}: the "
                "middle one is shown."
            )
        st.session_state[name] = int(asked)

    def write() -> str | None:
        block = st.session_state.get(name)
        blocks = BLOCKS.get(st.session_state.get("model", ""))
        is_middle = blocks is not None and block == middle(blocks)
        return None if block is None or is_middle else str(block)

    return Field(name, read, write)


PAGE = Page(
    "Dose",
    (
        MODEL,
        text("prompt", PROMPT),
        CHAT,
        one_of("vector", [*KINDS]),
        text("pairs", PAIRS),
        one_of("method", [*METHODS]),
        _block("measured"),
        Field("file", _read_file, _file),
        text("vector_path"),
        text("numbers"),
        text("vector_entry"),
        one_of("applied", [OWN, BLOCK, READOUT]),
        _block("applied_block"),
        text("at", "all"),
        one_of("vector_mode", ["", *MODES]),
        one_of("pairs_mode", ["", "project"]),
    ),
)
