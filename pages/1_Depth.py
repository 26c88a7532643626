"""Depth: the stable region of every layer, what would be written, the way between prompts."""

import os
from importlib.resources import files

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting threads must not spin

import streamlit as st

from stability.ui.pages import depth
from stability.ui.widgets import controls

st.set_page_config(
    page_title="Depth", page_icon=str(files("stability.ui.widgets") / "icon.svg"), layout="wide"
)
controls.keep_shared()
depth.page()
