"""The results of a choice, computed or from the caches."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from stability.geometry.analysis import Analysis
from stability.prediction.state import State
from stability.ui.cached import explore, states
from stability.ui.cached.states import StateKey
from stability.ui.choice import Choice
from stability.units import Unit
from stability.views.ray import RayView


@dataclass(frozen=True, eq=False)
class Result:
    """The results of a choice; `view` is None in a direction without curvature.

    `radii` are the shortest predicted radii of all tokens, in the unit of each, and `notes` their main
    numbers in words.
    """

    choice: Choice
    states: tuple[State, ...]
    key: StateKey
    radii: list[float | None]
    notes: list[str]
    unit: Unit
    analysis: Analysis
    view: RayView | None


def compute(choice: Choice, slot: Any) -> Result:
    """The results of a choice; progress is drawn in `slot`, an empty element of the page."""
    model, prompt, relative, epsilon = choice.model, choice.prompt, choice.relative, choice.epsilon
    positions = states.states(model, prompt)
    last = len(positions) - 1
    position = choice.position if 0 <= choice.position <= last else last
    key = StateKey(model, prompt, position, choice.site)
    units = states.units(model, prompt, relative)
    sensitivities = states.sensitivities(model, prompt)
    with slot, st.spinner("Running the network above the site", show_time=True):
        view = explore.drawn_ray(key, choice.direction, epsilon)
    unit = states.units(model, prompt, relative, choice.site)[position]
    return Result(
        choice,
        positions,
        key,
        [u.count(s.radius(epsilon)) for u, s in zip(units, sensitivities, strict=True)],
        states.notes(model, prompt, relative, epsilon),
        unit,
        explore.analysis(key, choice.direction),
        view and view.measured_in(unit),
    )
