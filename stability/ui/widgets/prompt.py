"""A field for a prompt: Enter submits it, Shift+Enter breaks the line."""

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from stability.ui.choice import start_at_the_end
from stability.ui.widgets.resources import resource

HTML = """<textarea rows="1" spellcheck="false" autocomplete="off"></textarea>
<p role="note" hidden>Ends with a line break ⏎, which is a token of its own.</p>"""


def prompt_field(label: str, key: str) -> str:
    """Draw the field of a text, which is the session's own value of `key`."""
    text: str = st.session_state.setdefault(key, "")
    name = f"{key}_field"

    def keep() -> None:
        typed = st.session_state[name].text
        if isinstance(typed, str):
            st.session_state[key] = typed
            start_at_the_end()

    _component()(
        key=name,
        data={"label": label, "text": text, "placeholder": "Type a prompt"},
        on_text_change=keep,
    )
    return text


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "prompt_field", html=HTML, css=resource("prompt.css"), js=resource("prompt.js")
    )
