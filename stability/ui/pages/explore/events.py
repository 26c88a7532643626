"""What a person asks the server for in the instrument, as changes of the session."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.ui.choice import look_along, look_between, start_anew, turn_by
from stability.ui.widgets.instrument import Event

if TYPE_CHECKING:  # torch, which takes seconds
    from stability.ui.pages.explore.scenes import Scenes


def answer(event: Event) -> None:
    """Change the session as an event asks for; for callbacks."""
    state = st.session_state
    state.view = event["view"]
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
        case {"kind": "pin"}:
            _pin()
        case {"kind": "unpin", "index": int(index)}:
            state.pins = [pin for i, pin in enumerate(pins()) if i != index]
        case {"kind": "reset"}:
            state.pins = []
            start_anew()
        case {"kind": "cloud", "epsilon": int() | float() as epsilon}:
            state.cloud = float(epsilon)


def pins() -> list[dict[str, Any]]:
    """The rays that are kept, the oldest first."""
    kept: list[dict[str, Any]] = st.session_state.get("pins", [])
    return kept


def view() -> dict[str, Any]:
    """The view of a browser whose link does not say another: what this session has seen last."""
    seen: dict[str, Any] = st.session_state.get("view", {})
    return seen


def notes() -> list[str]:
    """What has to be said about the link that was opened."""
    said: list[str] = st.session_state.get("link_notes", [])
    return said


def _pin() -> None:
    """Keep the ray that is shown, once."""
    from stability.instrument.scene import pin

    scenes = _scenes()
    if scenes is None or scenes.scene is None:
        return
    kept = pin(scenes.scene)
    if kept["setting"] not in [other["setting"] for other in pins()]:
        st.session_state.pins = [*pins(), kept]


def _turn(degrees: float) -> None:
    """Turn the ray that is shown in the plane that is shown."""
    scenes = _scenes()
    if scenes is not None and scenes.along is not None:
        turn_by(degrees, scenes.along.second)


def _scenes() -> "Scenes | None":
    scenes: Scenes | None = st.session_state.get("scenes")
    return scenes
