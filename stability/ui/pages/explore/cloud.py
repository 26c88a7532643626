"""A cloud of perturbations around the state, drawn below the instrument when it is asked for."""

import streamlit as st

from stability.errors import StabilityError
from stability.figures.cloud import cloud_figure
from stability.ui import wording
from stability.ui.cached.cloud import drawn_cloud
from stability.ui.cached.states import StateKey, state
from stability.ui.choice import Choice
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.figure import draw_figure
from stability.units import unit_of


def draw(choice: Choice, epsilon: float, relative: bool) -> None:
    """Draw the cloud of a choice at `ε`, or say in one sentence why there is none."""
    key = StateKey(choice.model, choice.prompt, choice.position, choice.site)
    method = st.segmented_control(
        "Cloud, projected by", ["PCA", "UMAP"], default="PCA", required=True, key="projection"
    )
    try:
        view = drawn_cloud(key, epsilon, method)
        unit = unit_of(state(key).norm, relative)
    except StabilityError as error:
        show_error(error)
        return
    draw_figure(
        cloud_figure(view.measured_in(unit)),
        "cloud",
        f"Perturbations up to twice the predicted boundary of ε = {wording.nats(epsilon)} over the "
        "top eight eigendirections; colour: KL/ε, shape: most likely token.",
    )
