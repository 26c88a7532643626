"""Shared by the sections: the choice of a token, and long work that waits for its button."""

from collections.abc import Callable, Hashable

import streamlit as st

from stability.prediction.provenance import Token
from stability.text import spelled_all
from stability.ui.cached.states import StateKey, states

STOPPED = "stopped"


def choose_token(key: StateKey) -> None:
    """Choose the token that is looked at, shared with the other sections and with Explore."""
    tokens = states(key.model, key.prompt)[0].tokens
    names = spelled_all([token.text for token in tokens])
    st.session_state.depth_position = key.position

    def keep() -> None:
        st.session_state.position = st.session_state.depth_position

    st.selectbox(
        "Token",
        range(len(tokens)),
        key="depth_position",
        format_func=lambda i: _named(tokens[i], names[i]),
        on_change=keep,
    )


def _named(token: Token, name: str) -> str:
    role = f" ({token.role})" if token.role else ""
    return f"{token.index}: {name}{role}"


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
        st.session_state[name] = work

    def stop() -> None:
        st.session_state[name] = STOPPED, work

    if at_once or st.session_state.get(name) == work:
        return True, stop
    st.button(label, on_click=start, type="primary")
    return False, stop
