"""Errors on the page: one sentence, shown literally."""

import streamlit as st

from stability.errors import StabilityError
from stability.ui.wording import plain, refusal


def show_error(error: StabilityError) -> None:
    """Say that something could not be done."""
    st.error(plain(refusal(error)))
