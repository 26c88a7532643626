"""What a person asks the server for on the sheet of a dose, as changes of the session."""

from math import isfinite
from typing import Any

import streamlit as st

from stability.defaults import DOSE_STATISTICS
from stability.ui.dose_choice import BLOCK, Asked, DoseChoice
from stability.ui.pages.dose.defaults import WRITING
from stability.ui.widgets.instrument import Event

SITE = "block:"
# coefficients of one vector at which the network has been run, the oldest forgotten
MOST_PASSES = 32


def answer(event: Event) -> None:
    """Change the session as an event asks for; for callbacks."""
    state = st.session_state
    state.dose_view = event["view"]
    match event:
        case {"kind": "site", "site": str(site)} if site.startswith(SITE):
            block = site.removeprefix(SITE)
            if block.isascii() and block.isdecimal():
                state.applied, state.applied_block = BLOCK, int(block[:9])
        case {"kind": "steer", "c": int() | float() as c} if isfinite(c):
            others = (other for other in state.get("dose_coefficients", ()) if other != c)
            state.dose_coefficients = (*others, float(c))[-MOST_PASSES:]
        case {"kind": "write", "statistic": str(statistic), "sign": 1 | -1 as sign}:
            if statistic in DOSE_STATISTICS:
                state.dose_writing = (statistic, sign)


def asked(choice: DoseChoice) -> Asked:
    """What the browser wants to know of a choice; of another one, nothing yet."""
    state = st.session_state
    if state.setdefault("dose_choice", choice) != choice:
        state.dose_choice, state.dose_coefficients = choice, ()
    return Asked(state.get("dose_coefficients", ()), *state.get("dose_writing", WRITING))


def view() -> dict[str, Any]:
    """The view of a browser whose link does not say another: the last that this session has seen."""
    seen: dict[str, Any] = st.session_state.get("dose_view", {})
    return seen


def notes() -> list[str]:
    """What had to be changed of the link that was opened, or is not part of it."""
    said: list[str] = st.session_state.get("link_notes", [])
    return [*said]
