"""The Explore page: controls, a prompt, and the instrument, which follows the hand in the browser.

Modules that bring torch are imported once the controls and the first scene are drawn.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from stability.errors import StabilityError
from stability.ui import link, warm_up
from stability.ui.choice import Choice, start_at_the_end
from stability.ui.direction_choice import AtPath, Pasted, given_in
from stability.ui.pages.explore import events, first, rivals
from stability.ui.pages.explore.link import PAGE
from stability.ui.pages.explore.pins import pins, take_up
from stability.ui.widgets import instrument
from stability.ui.widgets.controls import choose
from stability.ui.widgets.direction import chosen_direction, is_spelled
from stability.ui.widgets.errors import show_error

if TYPE_CHECKING:
    from stability.ui.pages.explore.scenes import Scenes

__all__ = ["HEADLINE", "PAGE", "draw"]
HEADLINE = "Stable regions of a language model's prediction"
TO_BE_GIVEN = {
    Pasted: "Upload a file with a vector, or paste a JSON list of numbers, in the side bar",
    AtPath: "Name a file with a vector, and read it, in the side bar",
}


def draw() -> None:
    """Draw the page; bad input is answered in one sentence, and the last good picture stays."""
    instrument.load_scripts(events.answer)
    choice = st.session_state.choice = choose()
    take_up(choice.model)
    _draw_instrument(choice, instrument.heard())
    epsilon = st.session_state.get("cloud")
    if epsilon is not None:
        from stability.ui.pages.explore import cloud

        cloud.draw(choice, epsilon, bool(events.view().get("relative")))
    rivals.draw(choice)
    instrument.settle()


@st.fragment
def _draw_instrument(choice: Choice, heard: int) -> None:
    """Draw the instrument with what is known; the browser comes back as long as more is pending."""
    link.see(PAGE)
    # an event may come together with such a look, which runs this fragment alone
    if instrument.is_behind(heard):
        st.rerun()
    if instrument.heard() > heard:
        choice = _at_once(choice)
    above = st.container()
    given = given_in(choice.direction)
    if given is not None and given.is_empty:
        last = _last_scenes()
        until = ": until then the last ray is shown." if last and last.sent else "."
        above.info(f"{TO_BE_GIVEN[type(given)]}{until}")
        if last:
            last.rest()
        _mount(choice, heard, is_pending=False)
        return
    if not warm_up.is_imported():
        shown = first.sent(choice)
        instrument.mount(shown, events.view(), True, events.answer, heard)
        return
    if events.is_stopped(choice):
        _scenes().stop(choice, pins(), events.notes(), events.refusals())
        _mount(choice, heard, is_pending=False, keeps=True)
        return
    try:
        is_pending = _scenes().look(choice, pins(), events.notes(), events.refusals())
        _choose_what_is_shown(choice)
        if not is_spelled(choice.model):  # its tokens can be named since it is loaded
            st.rerun()
    except StabilityError as error:
        is_pending = False
        with above:
            show_error(error)
            if _scenes().model == choice.model:
                st.caption("The picture is that of the last choice.")
    _mount(choice, heard, is_pending)


def _at_once(choice: Choice) -> Choice:
    """A choice after the events that the instrument answers before the page has run."""
    state = st.session_state
    state.choice = replace(
        choice,
        position=state.get("position", -1),
        second=state.get("second"),
        direction=chosen_direction(),
    )
    return state.choice


def _choose_what_is_shown(choice: Choice) -> None:
    """Make a choice of what there is not that of what is shown instead, as the link then says."""
    scenes, state = _scenes(), st.session_state
    if not (said := scenes.corrections(choice)):
        return
    state.link_notes = [*state.get("link_notes", []), *said]
    if choice.position >= scenes.tokens:
        start_at_the_end()
    if choice.second is not None and scenes.along and choice.second != scenes.along.second:
        state.second = None
    st.rerun()


def _mount(choice: Choice, heard: int, is_pending: bool, keeps: bool = False) -> None:
    """Mount the newest scene; where nothing else will come, only one of the same model, or `keeps`."""
    scenes = _last_scenes()
    keeps = keeps or is_pending or (scenes is not None and scenes.model == choice.model)
    shown = scenes.sent if scenes and keeps else None
    instrument.mount(
        shown or first.sent(choice),
        events.view(),
        is_pending,
        events.answer,
        heard,
        waits_for=scenes.waits_for if scenes else None,
    )


def _last_scenes() -> "Scenes | None":
    """This session's scenes, if it has any: to make them brings torch in."""
    scenes: Scenes | None = st.session_state.get("scenes")
    return scenes


def _scenes() -> "Scenes":
    from stability.ui.pages.explore.scenes import Scenes

    if "scenes" not in st.session_state:
        st.session_state.scenes = Scenes()
    scenes: Scenes = st.session_state.scenes
    return scenes
