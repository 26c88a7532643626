"""A field for a prompt: Enter submits it, Shift+Enter breaks the line."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from stability.ui.choice import start_at_the_end
from stability.ui.widgets.resources import resource

HTML = """<textarea rows="1" spellcheck="false" autocomplete="off"></textarea>
<p role="note" hidden>Ends with a line break ⏎, which is a token of its own.</p>"""


def prompt_field(label: str, key: str) -> str:
    """Draw the field of a text, which is the session's own value of `key`."""
    name = f"{key}_field"
    # Streamlit drops a callback, or ends it, where a newer message of the browser comes meanwhile
    if _submitted(name) is not None:
        _take(key, name)
        st.rerun()
    text: str = st.session_state.setdefault(key, "")
    _component()(
        key=name,
        data={
            "label": label,
            "text": text,
            "placeholder": "Type a prompt",
            "session": _session(),
        },
        on_submitted_change=partial(_take, key, name),
    )
    return text


def _session() -> str | None:
    context = get_script_run_ctx()
    return context.session_id if context else None


def _submitted(name: str) -> dict[str, Any] | None:
    """What has been submitted last, with its time, unless it has been taken over.

    A browser that outlives its server still sends what was submitted to that one; what that has not
    answered, the script submits again.
    """
    submitted: Any = st.session_state.get(name, {}).get("submitted")
    if not isinstance(submitted, dict) or submitted.get("session") != _session():
        return None
    is_new = submitted != st.session_state.get(f"{name}_taken")
    return submitted if is_new and isinstance(submitted.get("text"), str) else None


def _take(key: str, name: str) -> None:
    """Take over what has been submitted; until it is done to the end, the next run does it again."""
    if (submitted := _submitted(name)) is not None:
        st.session_state[key] = submitted["text"]
        start_at_the_end()
        st.session_state[f"{name}_taken"] = submitted


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "prompt_field", html=HTML, css=resource("prompt.css"), js=resource("prompt.js")
    )
