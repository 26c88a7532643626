"""Rays that are kept: the choice of each, from which a link makes it again."""

import json
from dataclasses import replace
from typing import Any

import streamlit as st

from stability.errors import StabilityError
from stability.prediction.conversation import Conversation
from stability.ui.choice import Choice
from stability.ui.direction_choice import given_in
from stability.ui.link_fields import from_json
from stability.ui.pages.explore.written import read_direction, written_direction
from stability.ui.prompt_link import MOST_POSITIONS

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
    if len(rows) > MOST_PINS:
        raise StabilityError(
            f"pins must be at most {MOST_PINS} rays; received {len(rows)}: the first are kept."
        )


def take_up(model: str) -> None:
    """Make the rays of a link those of the model in use, once that is known."""
    if any(not pin.model for pin in pins()):
        st.session_state.pins = tuple(
            pin if pin.model else replace(pin, model=model) for pin in pins()
        )


def keep(choice: Choice, tokens: int) -> None:
    """Keep a ray, once; raises StabilityError where there are too many.

    `tokens` is the number of those of its prompt, whose positions may count from the end.
    """
    if any(_at(pin, tokens) == _at(choice, tokens) for pin in pins()):
        return
    if len(pins()) >= MOST_PINS:
        raise StabilityError(f"At most {MOST_PINS} rays are kept: let one of them go first.")
    st.session_state.pins = (*pins(), choice)


def _at(pin: Choice, tokens: int) -> Choice:
    """A ray by itself, whatever plane it has been seen in, at its token from the first."""
    return replace(pin, position=pin.position % tokens, second=None)


def left_out(model: str) -> list[str]:
    """A sentence where some rays are not part of the link of a model."""
    count = sum(not _is_written(pin, model) for pin in pins())
    if not count:
        return []
    rays = "1 kept ray is" if count == 1 else f"{count} kept rays are"
    return [f"{rays} of another model, or along a vector of one's own, and not part of the link."]


def written_pins() -> str | None:
    """The rays that are kept, of the model in use; None without any."""
    model = st.session_state.get("model", "")
    rows = [_row(pin) for pin in pins() if _is_written(pin, model)]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")) if rows else None


def _is_written(pin: Choice, model: str) -> bool:
    return pin.model in ("", model) and given_in(pin.direction) is None


def _row(pin: Choice) -> list[Any]:
    is_chat = isinstance(pin.prompt, Conversation)
    return [str(pin.prompt), is_chat, pin.position, pin.site, written_direction(pin.direction)]


def _choice(row: Any) -> Choice | None:
    """The choice of a row; `take_up` gives it the model in use: no link loads another one unasked."""
    match row:
        case [str(prompt), bool(is_chat), int(position), str(site), str(direction)]:
            if not -1 <= position <= MOST_POSITIONS:
                return None
            try:
                read = Conversation.parse(prompt) if is_chat else prompt
                along = read_direction(direction)
            except StabilityError:
                return None
            # a vector that is to be given is none yet
            return None if given_in(along) else Choice("", read, position, along, site)
    return None
