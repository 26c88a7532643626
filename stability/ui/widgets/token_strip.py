"""The token strip: every token a chip, coloured by its shortest predicted radius."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import streamlit as st
from plotly.colors import sample_colorscale

from stability.prediction.provenance import TEMPLATE, Token
from stability.text import spelled
from stability.ui.widgets.resources import resource

LIGHT = 0.47  # from here on cividis is light enough for black text


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "token_strip",
        html='<div class="strip" role="group" aria-label="Tokens of the prompt"></div>',
        css=resource("token_strip.css"),
        js=resource("token_strip.js"),
    )


def token_strip(
    tokens: Sequence[Token], radii: Sequence[float | None], notes: Sequence[str], chosen: int
) -> None:
    """Draw the strip, with a note for each token; a choice is kept as the session's `position`."""
    shades = _shades(radii)
    colours = sample_colorscale("Cividis", shades)  # at once: each call looks the scale up again
    chips = [
        {
            "text": spelled(token.text),
            "title": f"position {token.index}, {_described(token)}: {note}",
            "role": None if token.role == TEMPLATE else token.role,
            "special": token.special,
            "colour": colour,
            "ink": "black" if shade >= LIGHT else "white",
        }
        for token, note, shade, colour in zip(tokens, notes, shades, colours, strict=True)
    ]
    _component()(
        data={"tokens": chips, "chosen": chosen},
        key="strip",
        on_position_change=_choose,
    )


def _described(token: Token) -> str:
    """What a token is beside its text."""
    special = "special token, " if token.special else ""
    role = f", {token.role}" if token.role else ""
    return f"{special}id {token.id}{role}"


def _choose() -> None:
    st.session_state.position = st.session_state.strip.position


def _shades(radii: Sequence[float | None]) -> list[float]:
    """Radii on a log scale from 0 (shortest) to 1; a flat position is at the end."""
    logs = [math.log(radius) for radius in radii if radius is not None]
    low, high = min(logs, default=0.0), max(logs, default=1.0)
    width = (high - low) or 1.0
    return [1.0 if r is None else (math.log(r) - low) / width for r in radii]
