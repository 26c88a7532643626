"""Rays that are kept: the choice of each, from which a link makes it again."""

import json
from typing import Any

import streamlit as st

from stability.errors import StabilityError
from stability.prediction.conversation import Conversation
from stability.ui.choice import Choice, Pasted
from stability.ui.link_fields import from_json
from stability.ui.pages.explore.written import read_direction, written_direction

MOST_PINS = 12


def pins() -> tuple[Choice, ...]:
    """The rays that are kept, the oldest first."""
    kept: tuple[Choice, ...] = st.session_state.get("pins", ())
    return kept


def read_pins(asked: str | None) -> None:
    """Keep the rays of a link; raises StabilityError where some cannot be read."""
    st.session_state.pins = ()
    if asked is None:
        return
    rows = from_json(asked)
    kept = [_choice(row) for row in rows[:MOST_PINS]] if isinstance(rows, list) else [None]
    st.session_state.pins = tuple(one for one in kept if one is not None)
    if None in kept:
        raise StabilityError("pins must be rays as this page writes them: left out.")


def written_pins() -> str | None:
    """The rays that are kept, of the model in use; None without any."""
    model = st.session_state.get("model")
    rows = [_row(pin) for pin in pins() if pin.model == model and _is_written(pin)]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else None


def _is_written(pin: Choice) -> bool:
    return not isinstance(pin.direction, Pasted)


def _row(pin: Choice) -> list[Any]:
    is_chat = isinstance(pin.prompt, Conversation)
    return [str(pin.prompt), is_chat, pin.position, pin.site, written_direction(pin.direction)]


def _choice(row: Any) -> Choice | None:
    """The choice of a row, of the model in use: no link loads another one unasked."""
    match row:
        case [str(prompt), bool(is_chat), int(position), str(site), str(direction)]:
            try:
                return Choice(
                    st.session_state.get("model", ""),
                    Conversation.parse(prompt) if is_chat else prompt,
                    position,
                    read_direction(direction),
                    site,
                )
            except StabilityError:
                return None
    return None
