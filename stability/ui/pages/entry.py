"""The frame of every page: its title and icon, its style, its headline, and errors in one sentence."""

from collections.abc import Callable
from importlib.resources import files

import streamlit as st

from stability.errors import StabilityError
from stability.ui import link, warm_up
from stability.ui.kept import keep_shared
from stability.ui.link import Page
from stability.ui.widgets import instrument
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.model_check import draw_warning
from stability.ui.widgets.resources import resource


def show(page: Page, headline: str, draw: Callable[[], None]) -> None:
    """Draw a page inside its frame, or switch to Explore if a callback has asked for that."""
    icon = str(files("stability.ui.widgets") / "icon.svg")
    st.set_page_config(page_title=page.title, page_icon=icon, layout="wide")
    is_opened = link.is_opened(page)
    instrument.begin(is_opened)
    keep_shared(is_opened)
    # a person may choose another theme than that of the system, which is all a style sheet can ask for
    dark = resource("dark.css") if st.context.theme.type == "dark" else ""
    st.html(f"<style>{resource('page.css')}{dark}</style>")
    # no components: they draw nothing, and look after what other parts of the page draw, and write
    scripts = f"<script>{resource('history.js')}{resource('names.js')}</script>"
    st.html(scripts, unsafe_allow_javascript=True)
    st.title(headline, anchor=False)
    if st.session_state.pop("opened", False):
        st.switch_page("app.py")
    link.follow(page)
    link.write(page)
    warning = st.container()
    with warning:
        draw_warning()
    is_first = "model" not in st.session_state
    try:
        draw()
    except StabilityError as error:
        show_error(error)
    # a model may have come into use meanwhile
    link.write(page)
    if is_first:
        with warning:
            draw_warning()
    warm_up.start()
