"""The direction of the ray: its kind, what names one of that kind, and how it has been turned."""

from collections.abc import Iterable
from dataclasses import replace

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.ui.cached.models import is_loaded, loaded
from stability.ui.choice import (
    KINDS,
    MOST_RANKS,
    MOST_SEEDS,
    look_straight,
    read_and_look_along,
    turned,
)
from stability.ui.direction_choice import AtPath, DirectionChoice, Pasted, TokenPair
from stability.ui.kept import within
from stability.ui.moves import put
from stability.ui.server import may_name_paths, stamp_of
from stability.ui.widgets.vector_upload import entry_of_upload, path_field, upload_field
from stability.vector_files.registry import split_name

SPELLING = "The text of one token, ␣ for a space and ⏎ for a new line, or its id."
SITES_OWN = "the one that belongs to the site"
PATH_HELP = "PATH, or PATH#NAME for one vector of several, as a row of a dictionary: FOLDER#123."
# the fields of a kind that name tokens
TOKENS = {"tokens": ("start", "end"), "cheapest": ("goal",)}
FIRST = {"start": "␣Paris", "end": "␣the", "goal": "␣the", "other": "The capital of Italy is"}


def choose_direction(model: str) -> DirectionChoice:
    """Draw the fields of a direction; another one begins without turns."""
    names = [name for name, kind in KINDS.items() if kind != "file" or may_name_paths()]
    within("kind", names)
    kind = KINDS[st.selectbox("Direction", names, key="kind", on_change=look_straight)]
    for key, text in _spelled(model, TOKENS.get(kind, ())).items():
        put(key, text)
    match kind:
        case "eig":
            _number("Eigendirection", 1, MOST_RANKS, "rank")
        case "random" | "covariance":
            _number("Seed", 0, MOST_SEEDS - 1, "seed")
        case "tokens":
            _text("From token", "start", SPELLING)
            _text("To token", "end", SPELLING)
        case "cheapest":
            _text("Token", "goal", SPELLING)
        case "prompt":
            _text("Other prompt", "other")
        case "vector":
            _choose_vector()
        case "file":
            path_field(
                "direction_path", lambda _: not _at_path().is_empty, read_and_look_along, PATH_HELP
            )
    _draw_turns()
    return chosen_direction()


def chosen_direction() -> DirectionChoice:
    """The direction that the fields, drawn or not, describe."""
    return turned(_of_kind(_kind()))


def _kind() -> str:
    return KINDS[st.session_state.get("kind", next(iter(KINDS)))]


def _of_kind(kind: str) -> DirectionChoice:
    state = st.session_state
    argument: int | str
    match kind:
        case "tokens":
            return TokenPair(_written("start"), _written("end"))
        case "vector":
            return _vector()
        case "file":
            return _at_path()
        case "eig":
            argument = state.get("rank", 1) - 1
        case "cheapest":
            argument = _written("goal")
        case "prompt":
            argument = _written("other")
        case _:
            argument = state.get("seed", 0)
    return DirectionSpec(kind, argument)


def _written(key: str) -> str:
    text: str = st.session_state.get(key, FIRST[key])
    return text


def _number(label: str, low: int, high: int, key: str) -> None:
    st.session_state.setdefault(key, low)
    st.number_input(label, low, high, key=key, on_change=look_straight)


def _text(label: str, key: str, spelling: str | None = None) -> None:
    st.session_state.setdefault(key, FIRST[key])
    st.text_input(label, key=key, help=spelling, on_change=look_straight)


def is_spelled(model: str) -> bool:
    """Whether the fields show no token by an id that could be shown by its text."""
    keys = TOKENS.get(_kind(), ())
    return all(st.session_state.get(key) == text for key, text in _spelled(model, keys).items())


def _spelled(model: str, keys: Iterable[str]) -> dict[str, str]:
    """The texts of tokens that were chosen by their ids, as in the instrument or by a link."""
    if not is_loaded(model):
        return {}
    from stability.ui.cached.chosen_direction import typed

    given = {key: st.session_state.get(key) for key in keys}
    return {key: typed(loaded(model), written) for key, written in given.items() if written}


def _choose_vector() -> None:
    key = f"upload {st.session_state.get('uploads', 0)}"
    if file := upload_field("A file with a vector", key):
        # Streamlit forgets the file when the page is left
        st.session_state.kept_vector = Pasted(file.name, file.getvalue())
    if "kept_vector" in st.session_state:
        kept: Pasted = st.session_state.kept_vector
        entry = entry_of_upload(kept.name, kept.data, "kept_entry", SITES_OWN)
        st.session_state.kept_vector = replace(kept, entry=entry)
        st.button("Use another vector", on_click=_drop_vector, key="drop_vector")
    else:
        st.text_area("or its numbers", key="numbers", height=100, placeholder="[0.1, -0.2, …]")


def _at_path() -> AtPath:
    path = st.session_state.get("direction_path", "").strip()
    is_asked_for = path and st.session_state.get("direction_read") == path and may_name_paths()
    return AtPath(path, stamp_of(split_name(path)[0]) if is_asked_for else None)


def _vector() -> Pasted:
    pasted = Pasted("pasted vector", st.session_state.get("numbers", "").encode())
    kept: Pasted = st.session_state.get("kept_vector", pasted)
    return kept


def _drop_vector() -> None:
    st.session_state.pop("kept_vector", None)
    # a field with another key is an empty one
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1


def _draw_turns() -> None:
    """How the ray has been turned, and the way back."""
    turns = st.session_state.get("turns", ())
    for degrees, rank in turns:
        angle = f"{degrees:.3g}".replace("-", "−")
        st.caption(f"Turned by {angle}° towards {eigendirection(rank)}.")
    if turns:
        st.button("Turn back", on_click=look_straight, type="tertiary", key="turn_back")
