"""The instrument on a page: its scripts sent once, its scene when there is a new one, its events."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import streamlit as st

from stability.instrument import bundle
from stability.ui import moves, scripts
from stability.ui.widgets.resources import resource

# milliseconds after which the browser looks whether more has come
AGAIN = 120
# seconds until what was drawn is on its way: were the browser to look for more before, Streamlit would
# drop that, and then remove the instrument as a thing that this run has not drawn
ON_ITS_WAY = 0.03
# of the picture in a browser that this session has not sent
STILL = "The picture is that of the last choice until the new one is there."
Event = dict[str, Any]
OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Sheet:
    """What one page has the browser draw, by its name there and that of its scripts.

    `moves` are the keys of the widgets beside it that its events move, and of what goes with them.
    Events of the kinds `at_once` are answered by the sheet alone, before the rest of the page follows
    them.
    """

    name: str
    moves: tuple[str, ...]
    at_once: tuple[str, ...] = ()

    @property
    def scripts(self) -> str:
        """The name of the component that holds the scripts."""
        return f"{self.name}_scripts"


INSTRUMENT = Sheet(
    "instrument",
    moves=("site", "block", "kind", "rank", "seed", "start", "end", "goal", "other", "turns"),
    at_once=("position", "direction", "second", "stop", "go on"),
)
DOSE = Sheet("dose", moves=("applied", "applied_block"))


@dataclass(frozen=True)
class Sent:
    """A scene as text, told from others of this session by its stamp; and what it waits for."""

    stamp: int
    text: str
    status: dict[str, Any] | None = None


def load_scripts(on_event: OnEvent, sheet: Sheet = INSTRUMENT) -> None:
    """Send the style, and where the scripts are.

    `on_event` is called with each of the events that the browser sends, before the page runs.
    """
    _component(sheet.scripts, bundle.style())(
        key=sheet.scripts,
        data={"sheet": sheet.name, "scripts": scripts.address(sheet.name)},
        on_events_change=partial(_hear, sheet.scripts, on_event, sheet),
    )


def _hear(component: str, on_event: OnEvent, sheet: Sheet) -> None:
    state = st.session_state
    # another page has been opened meanwhile if it is gone
    for event in state.get(component, {}).get("events") or ():
        number = event["number"]
        # another page may have asked for something last
        is_own = event.get("sheet", sheet.name) == sheet.name
        if is_own and number > heard():
            with moves.noted(sheet.moves):
                on_event(event)
        if event.get("kind") not in sheet.at_once:
            state.heard_by_page = number
        state.heard = max(number, heard())


def heard() -> int:
    """The number of the last event that the page has heard of."""
    number: int = st.session_state.get("heard", 0)
    return number


def is_behind(number: int) -> bool:
    """Whether the page has not run since an event after `number` that the sheet cannot answer alone."""
    last: int = st.session_state.get("heard_by_page", 0)
    return last > number


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
    on_event: OnEvent,
    seen: int,
    sheet: Sheet = INSTRUMENT,
    waits_for: Mapping[str, Any] | None = None,
) -> None:
    """Draw the instrument, or another sheet; while more is pending the browser comes back for it.

    `on_event` is called as by `load_scripts`, for what the sheet answers alone; the whole page has
    followed the events up to `seen`. The scene itself is left out where the browser has said that it
    has it. `view` is where a browser begins whose link says nothing else. What it `waits_for` is said,
    and without that the status of the scene.
    """
    look = _look(sheet)
    moves.see(look["run"])
    said = waits_for or (sent and sent.status)
    is_waiting = sent is None and is_pending
    frame = {
        "run": moves.run_number(),
        "sheet": sheet.name,
        "heard": heard(),
        "seen": seen,
        "atOnce": sheet.at_once,
        "stamp": sent and sent.stamp,
        "status": {"message": "Starting", "still": STILL, **(said or {})} if is_waiting else said,
        "look": look["number"],
        "again": AGAIN if is_pending or moves.moved() else None,
        "view": dict(view),
    }
    scene = "null" if sent is None or look["has"] == sent.stamp else sent.text
    _component(sheet.name)(
        key=sheet.name,
        data=f'{json.dumps(frame)[:-1]}, "scene": {scene}}}'.encode(),
        on_look_change=lambda: None,
        on_events_change=partial(_hear, sheet.name, on_event, sheet),
    )


@cache
def _component(name: str, style: str | None = None) -> Callable[..., Any]:
    return st.components.v2.component(
        name, css=style, js=resource("instrument.js"), isolate_styles=False
    )
