"""The Explore page: controls → results → figures.

Modules that bring torch are imported once the controls and the first picture are drawn.
"""

import sys
from typing import TYPE_CHECKING

import streamlit as st

from stability.errors import StabilityError
from stability.ui.choice import Choice, Pasted
from stability.ui.widgets import first_picture
from stability.ui.widgets.controls import choose
from stability.ui.widgets.errors import show_error

if TYPE_CHECKING:
    from stability.ui.pages.explore.result import Result


def draw() -> None:
    """Draw the page; bad input is answered in one sentence, and the last good picture stays."""
    choice = choose()
    left, right = st.columns([5, 3])
    with left:
        facts, picture = st.container(), st.container(key="main_picture")
    shipped = choice == first_picture.CHOICE
    if shipped:
        with picture:
            first_picture.show()
    with facts:
        result = _result(choice)
        if result is None:
            return
        from stability.ui.pages.explore import line, plane

        line.draw_facts(result)
    if shipped and not first_picture.is_painted():
        return
    if result.view is not None:
        with picture:
            line.draw_ray(result.view, result.analysis.state)
    with right:
        line.draw_side(result.analysis)
    if result.view is not None:
        plane.draw(result, result.view)


def _result(choice: Choice) -> "Result | None":
    """The result, or after a sentence that says what is wrong the last one that could be computed."""
    if isinstance(choice.direction, Pasted) and choice.direction.is_empty:
        st.info(
            "Upload a .npy or JSON file with a vector, or paste a JSON list of numbers, at the left."
        )
    else:
        try:
            result = _compute(choice)
            st.session_state.good = choice
            return result
        except StabilityError as error:
            show_error(error)
            st.toast("Something is wrong with the settings: see the top of the page.")
    good = st.session_state.get("good")
    # numbers of another model must not stand under this one's name
    if good is None or good.model != choice.model:
        return None
    st.caption("Still showing the last result that could be computed.")
    return _compute(good)


def _compute(choice: Choice) -> "Result":
    slot = st.empty()
    if "torch" not in sys.modules:
        slot.progress(0.0, "Starting: loading torch and transformers")
    from stability.ui.pages.explore.result import compute

    slot.empty()
    return compute(choice, slot)
