"""What a person asks the server for on the sheet of a dose, as changes of the session."""

from math import isfinite
from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.ui.dose_choice import BLOCK
from stability.ui.widgets.instrument import Event

if TYPE_CHECKING:  # torch, which takes seconds
    from stability.ui.pages.dose.scenes import DoseScenes

SITE = "block:"


def answer(event: Event, is_again: bool = False) -> None:
    """Change the session as an event asks for; for callbacks.

    An event is heard again where a browser may have set back the widgets that it has moved.
    """
    state = st.session_state
    state.dose_view = event["view"]
    scenes: DoseScenes | None = state.get("dose_scenes")
    match event:
        case {"kind": "site", "site": str(site)} if site.startswith(SITE):
            block = site.removeprefix(SITE)
            if block.isascii() and block.isdecimal():
                state.applied, state.applied_block = BLOCK, int(block[:9])
        case {"kind": "steer", "c": int() | float() as c} if scenes and isfinite(c) and not is_again:
            scenes.steer(float(c))
        case {"kind": "write", "statistic": str(statistic), "sign": 1 | -1 as sign} if scenes:
            scenes.write(statistic, sign)


def view() -> dict[str, Any]:
    """The view of a browser whose link does not say another: the last that this session has seen."""
    seen: dict[str, Any] = st.session_state.get("dose_view", {})
    return seen


def notes() -> list[str]:
    """What had to be changed of the link that was opened, or is not part of it."""
    said: list[str] = st.session_state.get("link_notes", [])
    return [*said]
