"""The kinds of fields that links are made of, each the session's value of one key."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

import streamlit as st

from stability.instrument.epsilons import EPSILON_STEPS
from stability.ui.link import Field, differs, listed


def text(name: str, default: str = "") -> Field:
    """A text as it is."""

    def read(asked: str | None) -> None:
        st.session_state[name] = default if asked is None else asked

    def write() -> str | None:
        value = st.session_state.get(name, default)
        return None if value == default else str(value)

    return Field(name, read, write)


def flag(name: str) -> Field:
    """Something that is on or off."""

    def read(asked: str | None) -> None:
        st.session_state[name] = asked == "1"

    return Field(name, read, lambda: "1" if st.session_state.get(name) else None)


def one_of(name: str, options: Sequence[str]) -> Field:
    """One of some options, by default the first."""

    def read(asked: str | None) -> None:
        st.session_state[name] = asked if asked in options else options[0]
        if asked is not None and asked not in options:
            raise differs(name, listed(options), asked, options[0])

    return Field(name, read, text(name, options[0]).write)


def number(name: str, default: int | float, low: int | float, high: int | float) -> Field:
    """A number between two others, whole where its default is."""

    def parsed(asked: str) -> int | float | None:
        try:
            value = int(asked) if isinstance(default, int) else float(asked)
            return value if isfinite(value) else None
        # a whole number may be beyond all floats
        except (ValueError, OverflowError):
            return None

    def read(asked: str | None) -> None:
        value = default if asked is None else parsed(asked)
        kept = default if value is None else min(max(value, low), high)
        st.session_state[name] = kept
        if value != kept:
            raise differs(name, f"from {low:g} to {high:g}", str(asked), f"{kept:g}")

    def write() -> str | None:
        value = st.session_state.get(name, default)
        return None if value == default else f"{value:.15g}"

    return Field(name, read, write)


def budget(name: str = "epsilon", default: float = 0.01) -> Field:
    """An `ε`, within those that can be asked for."""

    def read(asked: str | None) -> None:
        value = default if asked is None else read_budget(asked)
        kept = st.session_state[name] = within_budgets(default if value is None else value)
        if value is None or not is_budget(value):
            raise differs("ε", "from 0.0001 to 3 nats", str(asked), f"{kept:g}")

    def write() -> str | None:
        value = st.session_state.get(name, default)
        return None if value == default else f"{value:g}"

    return Field(name, read, write)


def read_budget(asked: str) -> float | None:
    """The number that a text says; None for any other text."""
    try:
        return float(asked)
    except ValueError:
        return None


def is_budget(epsilon: float) -> bool:
    """Whether an `ε` is within those that can be asked for."""
    return EPSILON_STEPS[0] <= epsilon <= EPSILON_STEPS[-1]


def within_budgets(epsilon: float) -> float:
    """The nearest of the budgets that can be asked for; the least for what is no number."""
    return min(max(EPSILON_STEPS[0], epsilon), EPSILON_STEPS[-1])


def several(name: str) -> Field:
    """Any number of texts; what none means is the page's own."""

    def read(asked: str | None) -> None:
        if asked is None:
            st.session_state.pop(name, None)
        else:
            st.session_state[name] = [part for part in asked.split(",") if part]

    def write() -> str | None:
        value = st.session_state.get(name)
        return ",".join(value) if value else None

    return Field(name, read, write)


def ends(name: str, limits: tuple[float, float]) -> Field:
    """The two ends of a range within limits, by default all of it."""

    def parsed(asked: str) -> tuple[float, float] | None:
        try:
            low, high = map(float, asked.split(","))
        except ValueError:
            return None
        return (low, high) if limits[0] <= low <= high <= limits[1] else None

    def read(asked: str | None) -> None:
        kept = limits if asked is None else parsed(asked)
        st.session_state[name] = kept or limits
        if kept is None:
            raise differs(name, f"two ends from {limits[0]:g} to {limits[1]:g}", str(asked), "all")

    def write() -> str | None:
        low, high = st.session_state.get(name, limits)
        return None if (low, high) == limits else f"{low:g},{high:g}"

    return Field(name, read, write)


def from_json(written: str) -> Any:
    """What a text of JSON holds; None for any other text."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None
