"""The Dose page: a vector, a text, and the sheet of its dose, which follows the hand in the browser.

Modules that bring torch are imported once the controls are drawn.
"""

from typing import TYPE_CHECKING

import streamlit as st

from stability.errors import StabilityError
from stability.ui import link, warm_up
from stability.ui.dose_choice import DoseChoice
from stability.ui.imports import imported
from stability.ui.pages.dose import defaults, events
from stability.ui.pages.dose.link import PAGE
from stability.ui.widgets import controls, instrument, vector
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.model_picker import choose_model
from stability.ui.wording import plain

if TYPE_CHECKING:
    from stability.ui.pages.dose.scenes import DoseScenes

__all__ = ["PAGE", "draw"]
POSITIONS_HELP = "all tokens, also those that are written; last; or positions of the text: 3,5"


def draw() -> None:
    """Draw the page; bad input is answered in one sentence, and the last good picture stays."""
    instrument.load_scripts(events.answer, instrument.DOSE)
    choice = _choose()
    _draw_sheet(choice, instrument.heard())
    instrument.settle()


def _choose() -> DoseChoice | None:
    """Draw the controls; None as long as a vector is still to be given."""
    st.session_state.setdefault("prompt", defaults.PROMPT)
    st.session_state.setdefault("at", "all")
    with st.sidebar:
        model = choose_model()
        given = vector.choose_vector(model)
        site = vector.choose_site(model)
        mode = vector.choose_mode(given)
        positions = st.text_input("At positions", key="at", help=POSITIONS_HELP).strip()
    prompt = controls.choose_prompt()
    return None if given is None else DoseChoice(model, prompt, given, site, positions, mode)


@st.fragment
def _draw_sheet(choice: DoseChoice | None, heard: int) -> None:
    """Draw the sheet with what is known; the browser comes back as long as more is pending."""
    link.see(PAGE)
    # an event may come together with such a look, which runs this fragment alone
    if instrument.is_behind(heard):
        st.rerun()
    above = st.container()
    if choice is None:
        last = _last_scenes()
        until = ": until then the last one is shown." if last and last.sent else "."
        above.info(" ".join([f"Give a vector in the side bar{until}", *map(plain, events.notes())]))
        _mount(choice, heard, is_pending=False)
        return
    if not warm_up.is_imported():
        if defaults.sent(choice) is None:
            above.caption("The model is being loaded: the dose appears in some seconds.")
        _mount(choice, heard, is_pending=True)
        return
    scenes = _scenes()
    try:
        is_pending = scenes.look(choice, events.asked(choice), events.notes())
        if scenes.sent is None and defaults.sent(choice) is None:
            above.caption(f"{scenes.status} …")
        refusal = scenes.refusal
    except StabilityError as error:
        is_pending, refusal = False, error
    if refusal:
        with above:
            show_error(refusal)
            if (shown := scenes.found) is not None:
                st.caption(
                    f"The picture is that of the last vector, {plain(shown.dose.vector.file)}."
                )
    _mount(choice, heard, is_pending)


def _mount(choice: DoseChoice | None, heard: int, is_pending: bool) -> None:
    """Mount the newest scene, or the shipped one."""
    scenes = _last_scenes()
    sent = (scenes.sent if scenes else None) or defaults.sent(choice)
    instrument.mount(sent, events.view(), is_pending, events.answer, heard, instrument.DOSE)


def _last_scenes() -> "DoseScenes | None":
    """This session's scenes, if it has any: to make them brings torch in."""
    scenes: DoseScenes | None = st.session_state.get("dose_scenes")
    return scenes


def _scenes() -> "DoseScenes":
    """This session's scenes."""
    if "dose_scenes" not in st.session_state:
        st.session_state.dose_scenes = imported("stability.ui.pages.dose.scenes").DoseScenes()
    scenes: DoseScenes = st.session_state.dose_scenes
    return scenes
