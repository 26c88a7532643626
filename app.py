"""Explore: a prompt, a token, a direction, and the stable region of what comes next."""

import os
from importlib.resources import files

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting threads must not spin

import streamlit as st

from stability.errors import StabilityError
from stability.ui.pages import explore
from stability.ui.widgets import controls
from stability.ui.wording import plain

st.set_page_config(
    page_title="Stable regions",
    page_icon=str(files("stability.ui.widgets") / "icon.svg"),
    layout="wide",
)
controls.keep_shared()
try:
    explore.page()
except StabilityError as error:
    st.error(plain(str(error)))
