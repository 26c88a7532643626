"""The choice of a token of the text, shared between pages."""

import streamlit as st

from stability.prediction.provenance import Token
from stability.text import spelled_all
from stability.ui.cached.states import StateKey, states
from stability.ui.moves import put


def choose_token(key: StateKey) -> None:
    """Choose the token that is looked at, shared with the other pages."""
    tokens = states(key.model, key.prompt)[0].tokens
    names = spelled_all([token.text for token in tokens])
    put("depth_position", key.position)

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
