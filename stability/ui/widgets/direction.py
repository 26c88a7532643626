"""The direction of the ray: its kind, what names one of that kind, and how it has been turned."""

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.ui.choice import (
    KINDS,
    MOST_RANKS,
    MOST_SEEDS,
    DirectionChoice,
    Pasted,
    TokenPair,
    look_straight,
    turned,
)
from stability.ui.uploads import SMALL
from stability.ui.wording import plain


def choose_direction() -> DirectionChoice:
    """Draw the fields of a direction; another one begins without turns."""
    direction = _choose()
    for degrees, rank in st.session_state.get("turns", ()):
        st.caption(f"Turned by {degrees:.3g}° towards {eigendirection(rank)}.")
    if st.session_state.get("turns"):
        st.button("Turn back", on_click=look_straight, type="tertiary", key="turn_back")
    return turned(direction)


def _choose() -> DirectionChoice:
    kind = KINDS[st.selectbox("Direction", list(KINDS), key="kind", on_change=look_straight)]
    match kind:
        case "eig":
            rank = st.number_input(
                "Eigendirection", 1, MOST_RANKS, key="rank", on_change=look_straight
            )
            return DirectionSpec("eig", rank - 1)
        case "tokens":
            return _choose_tokens()
        case "prompt":
            st.session_state.setdefault("other", "The capital of Italy is")
            other = st.text_input("Other prompt", key="other", on_change=look_straight)
            return DirectionSpec("prompt", other)
        case "vector":
            return _choose_vector()
        case "random" | "covariance":
            seed = st.number_input("Seed", 0, MOST_SEEDS - 1, key="seed", on_change=look_straight)
            return DirectionSpec(kind, seed)
    raise AssertionError(kind)


def _choose_tokens() -> TokenPair:
    spelling = "The text of one token, ␣ for a space and ⏎ for a new line, or its id."
    st.session_state.setdefault("start", "␣Paris")
    st.session_state.setdefault("end", "␣the")
    start, end = (
        st.text_input(label, key=key, help=spelling, on_change=look_straight)
        for label, key in (("From token", "start"), ("To token", "end"))
    )
    return TokenPair(start, end)


def _choose_vector() -> Pasted:
    file = st.file_uploader(
        "A .npy file or a JSON list",
        ["npy", "json"],
        key=f"upload {st.session_state.get('uploads', 0)}",
        max_upload_size=SMALL,
    )
    if file:
        # Streamlit forgets the file when the page is left
        st.session_state.kept_vector = Pasted(file.name, file.getvalue())
    kept: Pasted | None = st.session_state.get("kept_vector")
    if kept:
        st.caption(f"In use: {plain(kept.name)}.")
        st.button("Use another vector", on_click=_drop_vector, key="drop_vector")
        return kept
    text = st.text_area("or its numbers", key="numbers", height=100, placeholder="[0.1, -0.2, …]")
    return Pasted("pasted vector", text.encode())


def _drop_vector() -> None:
    st.session_state.pop("kept_vector", None)
    # a field with another key is an empty one
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1
