"""Calibration: predicted against actual radii over many prompts, and the sources' claims."""

import os
from importlib.resources import files

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting threads must not spin

import streamlit as st

from stability.ui.pages import calibration
from stability.ui.widgets import controls

st.set_page_config(
    page_title="Calibration",
    page_icon=str(files("stability.ui.widgets") / "icon.svg"),
    layout="wide",
)
controls.keep_shared()
calibration.page()
