"""Long work that waits for its button."""

from collections.abc import Callable, Hashable

import streamlit as st

CLICKED, STOPPED = "clicked", "stopped"


def is_stopped(name: str, work: Hashable) -> bool:
    """Whether a visitor has stopped this work, the last that was started under a name."""
    return bool(st.session_state.get(name) == (STOPPED, work))


def start_button(
    name: str, work: Hashable, label: str, at_once: bool = False
) -> tuple[bool, Callable[[], None]]:
    """Draw a button that starts some long work; return whether it is started, and how to stop it.

    Without the button where it is started already, or is to start `at_once`. `name` is the session's
    key for the `work` that was started last.
    """

    def start() -> None:
        # what was chosen just before, in a run that this click has ended, is meant too
        st.session_state[name] = CLICKED

    def stop() -> None:
        st.session_state[name] = STOPPED, work

    if st.session_state.get(name) == CLICKED:
        st.session_state[name] = work
    if at_once or st.session_state.get(name) == work:
        return True, stop
    st.button(label, on_click=start, type="primary")
    return False, stop
