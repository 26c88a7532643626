"""The Depth page: a prompt, and one of four sections on the network above every block.

Modules that bring torch are imported once the controls are drawn.
"""

import streamlit as st

from stability.ui.choice import MOST_BLOCKS
from stability.ui.glossary import GLOSSARY
from stability.ui.imports import imported
from stability.ui.link import Page
from stability.ui.link_fields import budget, flag, number, one_of, text
from stability.ui.prompt_link import PROMPT
from stability.ui.widgets import controls
from stability.ui.widgets.model_picker import choose_model

PROMPT_B, PROMPT_C = "Once upon a time there was a", "2 + 2 ="
# block that is looked at first, where there are as many
FIRST_BLOCK = 5
# tokens that are written at most, and at first
LONGEST_CONTINUATION, FIRST_LENGTH = 40, 24
SECTIONS = ("all tokens", "one token", "what it would write", "between prompts")
PAGE = Page(
    "Depth",
    (
        *PROMPT,
        budget(),
        flag("relative"),
        one_of("section", SECTIONS),
        text("prompt_b", PROMPT_B),
        text("prompt_c", PROMPT_C),
        number("interpolation_block", FIRST_BLOCK, 0, MOST_BLOCKS - 1),
        text("write_site", ""),
        number("write_rank", 1, 1, 16),
        number("write_t", 0.0, -1e6, 1e6),
        number("write_n", FIRST_LENGTH, 5, LONGEST_CONTINUATION),
    ),
)


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
