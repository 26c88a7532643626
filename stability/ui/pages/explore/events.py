"""What a person asks the server for in the instrument, as changes of the session."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.errors import StabilityError
from stability.ui.choice import (
    Choice,
    look_along,
    look_along_choice,
    look_between,
    start_anew,
    turn_by,
)
from stability.ui.direction_choice import Pasted
from stability.ui.link_fields import is_budget, within_budgets
from stability.ui.pages.explore import first
from stability.ui.pages.explore.pins import keep, left_out, pins
from stability.ui.pages.explore.written import LOST
from stability.ui.widgets.direction import chosen_direction
from stability.ui.widgets.instrument import Event

if TYPE_CHECKING:  # torch, which takes seconds
    from stability.ui.pages.explore.scenes import Scenes


def answer(event: Event) -> None:
    """Change the session as an event asks for, or say why not; for callbacks."""
    state = st.session_state
    _remember(event["view"])
    state.refused = []
    try:
        _do(event)
    except StabilityError as error:
        state.refused = [str(error)]
        state.refusals = refusals() + 1


def _do(event: Event) -> None:
    state = st.session_state
    match event:
        case {"kind": "position", "position": int(position)}:
            state.position = position
        case {"kind": "direction", "rank": int(rank)}:
            look_along(rank + 1)
        case {"kind": "towards", "from": int(start), "to": int(end)}:
            look_between(start, end)
        case {"kind": "second", "rank": int(rank)}:
            state.second = rank
        case {"kind": "turn", "degrees": int() | float() as degrees}:
            _turn(float(degrees))
        case {"kind": "stop"}:
            state.stopped = state.get("choice")
        case {"kind": "go on"}:
            state.stopped = None
        case {"kind": "pin"}:
            _pin()
        case {"kind": "unpin", "index": int(index)}:
            state.pins = tuple(pin for i, pin in enumerate(pins()) if i != index)
        case {"kind": "reset"}:
            state.pins, state.stopped = (), None
            start_anew()
        case {"kind": "cloud", "epsilon": None}:
            state.cloud = None
        case {"kind": "cloud", "epsilon": int() | float() as epsilon} if is_budget(epsilon):
            state.cloud = float(epsilon)


def is_stopped(choice: Choice) -> bool:
    """Whether a person has stopped what is computed for a choice; another one is no longer stopped."""
    state = st.session_state
    if state.get("stopped") != choice:
        state.stopped = None
    return state.stopped is not None


def view() -> dict[str, Any]:
    """The view of a browser whose link does not say another: the last that this session has seen.

    Other pages have a slider of `ε` of their own.
    """
    seen: dict[str, Any] = st.session_state.get("view", {})
    epsilon, relative = st.session_state.get("epsilon"), st.session_state.get("relative")
    if epsilon is not None:
        seen = seen | {"epsilon": epsilon}
    seen = seen | {"picture": "region" if st.session_state.get("cloud") is None else "cloud"}
    return seen if relative is None else seen | {"relative": relative}


def notes() -> list[str]:
    """What had to be changed of the link that was opened, or is not part of it, or was refused."""
    state = st.session_state
    linked: list[str] = state.get("link_notes", [])
    said = [note for note in linked if not note.endswith(LOST) or _is_vector_missing()]
    said += state.get("refused", [])
    return [*said, *left_out(state.get("model", ""))]


def _is_vector_missing() -> bool:
    return isinstance(vector := chosen_direction(), Pasted) and vector.is_empty


def refusals() -> int:
    """How often this session has been refused something."""
    count: int = st.session_state.get("refusals", 0)
    return count


def _remember(seen: dict[str, Any]) -> None:
    """Keep what a browser shows, for the other pages and for the way back from them."""
    state = st.session_state
    state.view = seen
    if isinstance(epsilon := seen.get("epsilon"), int | float):
        state.epsilon = within_budgets(epsilon)
    state.relative = bool(seen.get("relative"))


def _pin() -> None:
    """Keep the ray that is shown, once; of the shipped scene it is still to be computed."""
    scenes = _scenes()
    if scenes is not None and (shown := scenes.pin()):
        keep(shown, scenes.tokens)
    elif choice := st.session_state.get("choice"):
        keep(choice, first.tokens())


def _turn(degrees: float) -> None:
    """Turn the ray that is shown in the plane that is shown."""
    scenes = _scenes()
    if scenes is None or scenes.along is None:
        return
    from stability.ui.cached.explore import turned_on

    turned = turned_on(scenes.along, degrees)
    if turned is None:
        turn_by(degrees, scenes.along.second)
    else:
        look_along_choice(turned)


def _scenes() -> "Scenes | None":
    scenes: Scenes | None = st.session_state.get("scenes")
    return scenes
