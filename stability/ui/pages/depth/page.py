"""The Depth page: a prompt, and one of four sections on the network above every block.

Modules that bring torch are imported once the controls are drawn.
"""

import streamlit as st

from stability.ui.glossary import GLOSSARY
from stability.ui.imports import imported
from stability.ui.pages.depth.link import SECTIONS
from stability.ui.widgets import controls
from stability.ui.widgets.model_picker import choose_model


def draw() -> None:
    """Draw the page."""
    with st.sidebar:
        model = choose_model()
        epsilon = controls.choose_epsilon()
        relative = controls.choose_relative()
    prompt = controls.choose_prompt()
    section = controls.choose_one("Look at", SECTIONS, "section")
    imported("stability.models")
    from stability.ui.cached.states import StateKey, states
    from stability.ui.pages.depth import all_tokens, between_prompts, one_token, written

    positions = states(model, prompt)
    position = min(st.session_state.get("position", -1), len(positions) - 1) % len(positions)
    key = StateKey(model, prompt, position)
    match section:
        case "all tokens":
            all_tokens.draw(key, epsilon, relative)
        case "one token":
            one_token.draw(key, epsilon, relative)
        case "what it would write":
            written.draw(key, epsilon)
        case _:
            between_prompts.draw(key, epsilon)
    with st.expander("What the words mean"):
        st.markdown(GLOSSARY)
