"""The instrument on a page: its scripts sent once, its scene when there is a new one, its events."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from stability.instrument import bundle
from stability.ui import moves
from stability.ui.widgets.resources import resource

# milliseconds after which the browser looks whether more has come
AGAIN = 120
# seconds until what was drawn is on its way: were the browser to look for more before, Streamlit would
# drop that, and then remove the instrument as a thing that this run has not drawn
ON_ITS_WAY = 0.03
Event = dict[str, Any]


@dataclass(frozen=True)
class Sheet:
    """What one page has the browser draw: its name there, and the scripts that draw it.

    They export `mount`, and of the view that a link holds `encode`, `decode` and `INITIAL`. `moves` are
    the keys of the widgets beside it that its events move, and of what goes with them.
    """

    name: str
    entries: tuple[str, ...]
    moves: tuple[str, ...]

    @property
    def scripts(self) -> str:
        """The name of the component that holds the scripts."""
        return f"{self.name}_scripts"


INSTRUMENT = Sheet(
    "instrument",
    ("instrument", "view"),
    ("site", "block", "kind", "rank", "seed", "start", "end", "goal", "other", "turns"),
)
DOSE = Sheet("dose", ("dose_sheet", "dose_view"), ("applied", "applied_block"))


@dataclass(frozen=True)
class Sent:
    """A scene as text, told from others of this session by its stamp; and what it waits for."""

    stamp: int
    text: str
    status: dict[str, Any] | None = None


def load_scripts(on_event: Callable[[Event], None], sheet: Sheet = INSTRUMENT) -> None:
    """Send the scripts; Streamlit sends what is long and has not changed only once.

    `on_event` is called with each of the events that the browser sends, before the page runs.
    """

    def hear() -> None:
        # another page has been opened meanwhile if it is gone
        for event in st.session_state.get(sheet.scripts, {}).get("events") or ():
            number = event["number"]
            # another page may have asked for something last
            is_own = event.get("sheet", sheet.name) == sheet.name
            if is_own and number > heard():
                with moves.noted(sheet.moves):
                    on_event(event)
            st.session_state.heard = max(number, heard())

    _component(sheet.scripts, bundle.style())(
        key=sheet.scripts,
        data={"sheet": sheet.name, "module": bundle.module(*sheet.entries)},
        on_events_change=hear,
    )


def heard() -> int:
    """The number of the last event that the page has heard of."""
    number: int = st.session_state.get("heard", 0)
    return number


def settle() -> None:
    """Wait until what was drawn is on its way, at the end of a run of the page."""
    time.sleep(ON_ITS_WAY)


def begin(is_opened: bool) -> None:
    """Begin a run of a page, with the widgets where the events of a browser have moved them."""
    for sheet in (INSTRUMENT, DOSE):
        moves.see(_look(sheet)["run"])
    moves.hold(is_opened)


def _look(sheet: Sheet) -> dict[str, Any]:
    """What the browser has said last: which scene it has, and of which run."""
    look: dict[str, Any] | None = st.session_state.get(sheet.name, {}).get("look")
    return {"number": 0, "has": None, "run": 0} | (look or {})


def mount(
    sent: Sent | None,
    view: Mapping[str, Any],
    is_pending: bool,
    sheet: Sheet = INSTRUMENT,
    waits_for: str | None = None,
) -> None:
    """Draw the instrument, or another sheet; while more is pending the browser comes back for it.

    The scene itself is left out where the browser has said that it has it. `view` is where a browser
    begins whose link says nothing else. As long as there is no scene, what it `waits_for` is said.
    """
    look = _look(sheet)
    moves.see(look["run"])
    frame = {
        "run": moves.run_number(),
        "sheet": sheet.name,
        "heard": heard(),
        "stamp": sent and sent.stamp,
        "status": sent.status if sent else {"message": waits_for or "Starting"},
        "look": look["number"],
        "again": AGAIN if is_pending or moves.moved() else None,
        "view": dict(view),
    }
    scene = "null" if sent is None or look["has"] == sent.stamp else sent.text
    _component(sheet.name)(
        key=sheet.name,
        data=f'{json.dumps(frame)[:-1]}, "scene": {scene}}}'.encode(),
        on_look_change=lambda: None,
    )


@cache
def _component(name: str, style: str | None = None) -> Callable[..., Any]:
    return st.components.v2.component(
        name, css=style, js=resource("instrument.js"), isolate_styles=False
    )
