"""The cheapest rivals of a prediction, listed below the instrument when they are asked for."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.text import spelled
from stability.ui import moves, wording
from stability.ui.cached.looks import failures
from stability.ui.choice import Choice, look_along_choice
from stability.ui.imports import imported
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.instrument import INSTRUMENT
from stability.ui.widgets.progress import draw_progress
from stability.ui.widgets.rows import draw_rows
from stability.ui.widgets.start import start_button

if TYPE_CHECKING:
    from stability.geometry.rivals import Rivals
    from stability.ui.cached.job import Job

TITLE = "The cheapest pushes to other next tokens"
TABLE, ASKED = "rivals", "rivals_asked"


def draw(choice: Choice) -> None:
    """Draw the button that starts the work, its progress, or the list; nothing below the readout."""
    if choice.site != "prelogit":
        return
    asked = (choice.model, choice.prompt, choice.position)
    # it stays open while the work goes on
    with st.expander(TITLE, expanded=st.session_state.get(ASKED) == asked):
        started, stop = start_button(ASKED, asked, "Find the twenty cheapest")
        if not started:
            st.caption("Some forty seconds of a processor's time; it can be stopped.")
            return
        try:
            job = _job(choice)
        except StabilityError as error:
            show_error(error)
            return
        if not job.future.done():

            def stop_both() -> None:
                job.stop()
                stop()

            draw_progress(job, stop_both, "stop_rivals")
        elif why := failures([job]):
            show_error(StabilityError(why[0]))
        elif job.is_ready:
            _draw_list(job.future.result())


def _job(choice: Choice) -> "Job":
    key = imported("stability.ui.cached.states").StateKey(
        choice.model, choice.prompt, choice.position
    )
    job: Job = imported("stability.ui.cached.rivals").start_rivals(key)
    return job


def _draw_list(found: "Rivals") -> None:
    def open_row(row: int) -> None:
        with moves.noted(INSTRUMENT.moves):
            look_along_choice(DirectionSpec("cheapest", found.pushes[row].id))

    draw_rows(cells_of(found), TABLE, open_row)
    st.caption(wording.plain(_notes(found)))


def cells_of(found: "Rivals") -> dict[str, list[Any]]:
    """The columns of the list."""
    pushes = found.pushes
    return {
        "token": [spelled(push.text) for push in pushes],
        "probability": [wording.percent(push.probability) for push in pushes],
        "KL (nats)": [wording.number(push.nats) for push in pushes],
        "at a distance": [wording.number(push.distance) for push in pushes],
        "KL by the plain difference": [wording.number(push.plain_nats) for push in pushes],
        "times cheaper": [wording.number(push.times_cheaper) for push in pushes],
    }


def _notes(found: "Rivals") -> str:
    others = (
        ""
        if found.is_complete
        else " Tokens not tried, or not solved for, may be cheaper than the last of these."
    )
    return (
        "Click a row to look along its push. KL(before ‖ after) is that where the token takes over, "
        "along the push that costs least and along the plain difference of the tokens' rows; distances "
        f"are in the vector's own coordinates.{others}"
    )
