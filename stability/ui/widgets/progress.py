"""How far work in the background is, with the button that stops it."""

import time
from collections.abc import Callable
from typing import Literal

import streamlit as st

from stability.ui.cached.job import Job
from stability.ui.wording import plain

# seconds between two looks
PAUSE = 0.5


@st.fragment(run_every=PAUSE)
def draw_progress(
    job: Job,
    stop: Callable[[], None],
    key: str,
    label: str = "Stop",
    before: str = "",
    look: Literal["secondary", "tertiary"] = "secondary",
) -> None:
    """Draw how far a job is, in its words after those `before`; the page runs anew when it ends.

    The button has a `key` and a `label`, and calls `stop`.
    """
    if job.future.done():
        st.rerun()
    job.looked_at = time.monotonic()
    message, fraction = job.progress
    if before:
        message = f"{before}: {message[:1].lower()}{message[1:]}"
    st.progress(fraction, plain(message))
    if st.button(label, key=key, type=look):
        stop()
        st.rerun()
