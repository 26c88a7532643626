"""Widgets that the session moves, held until the browser has shown them there.

Streamlit sends once where a widget is moved. A browser that is sent something newer instead keeps the
widget where it was, and sets it back with whatever it asks for next.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import streamlit as st

# what no browser sends: the callback of a widget takes it back, be that set back or changed by a person
CALLED_BACK = frozenset({"turns"})


@dataclass(frozen=True)
class Move:
    """From where and to where a widget is moved, and the first run of the page that says so."""

    before: tuple[Any, ...]
    after: Any
    run: int


def moved() -> dict[str, Move]:
    """The moves that the browser may not have shown, by the keys of their widgets."""
    moves: dict[str, Move] = st.session_state.get("moves", {})
    return moves


def run_number() -> int:
    """The number of the newest run of a page in this session."""
    number: int = st.session_state.get("run_number", 0)
    return number


@contextmanager
def noted(keys: Iterable[str]) -> Iterator[None]:
    """Note which widgets are moved meanwhile, from where they have been moved; for callbacks."""
    state = st.session_state
    _put_back(moved())
    before = {key: state.get(key) for key in keys}
    yield
    state.moves = moved() | {
        key: _to(key, value, state.get(key), run_number() + 1)
        for key, value in before.items()
        if state.get(key) != value
    }


def hold(is_opened: bool) -> None:
    """Begin a run: move widgets again, but for those that are elsewhere; none of another page."""
    state = st.session_state
    held = {} if is_opened else moved()
    state.update(moves=_put_back(held), run_number=run_number() + 1)


def _put_back(moves: Mapping[str, Move]) -> dict[str, Move]:
    """Move widgets again where a browser has set them back; return the moves that still hold."""
    state = st.session_state
    held = {k: move for k, move in moves.items() if state.get(k) in (*move.before, move.after)}
    away = {key for key, move in held.items() if state.get(key) != move.after}
    if away <= CALLED_BACK:
        # no widget has been set back: it was a person who changed one
        held = {key: move for key, move in held.items() if key not in away}
    for key, move in held.items():
        state[key] = move.after
    return held


def see(run: int) -> None:
    """Note that the browser has shown a run: from now on it is a person who moves a widget back."""
    if unseen := moved():
        st.session_state.moves = {key: move for key, move in unseen.items() if move.run > run}


def put(key: str, value: object) -> None:
    """Set a widget to a value that it has not.

    What is set is sent to the browser even if it is there already, and takes the place of what a person
    has begun to type.
    """
    before = st.session_state.get(key)
    if before == value:
        return
    st.session_state[key] = value
    if key in moved():
        st.session_state.moves = moved() | {key: _to(key, before, value, run_number())}


def _to(key: str, before: object, after: object, run: int) -> Move:
    """A move that goes on from the one before, of which the browser may not know either."""
    earlier = moved().get(key)
    return Move((*(earlier.before if earlier else ()), before), after, run)
