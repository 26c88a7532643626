"""Between prompts: the interpolation from one prompt's vector to another's, and a plane of three."""

import streamlit as st

from stability.figures.interpolation import interpolation_figure, three_states_figure
from stability.geometry.interpolation import Interpolation
from stability.ui import wording
from stability.ui.cached import depth
from stability.ui.cached.models import loaded
from stability.ui.cached.states import StateKey
from stability.ui.pages.depth.page import PROMPT_B, PROMPT_C
from stability.ui.pages.depth.shared import start_button
from stability.ui.widgets.figure import draw_figure


def draw(key: StateKey, epsilon: float) -> None:
    """Draw the way from A to B, and below it the plane of A, B and C or its button."""
    last = loaded(key.model).card.n_layers - 1
    b_column, c_column, block_column = st.columns([3, 3, 1])
    state = st.session_state
    state.setdefault("prompt_b", PROMPT_B)
    state.setdefault("prompt_c", PROMPT_C)
    b = b_column.text_input("B: another prompt", key="prompt_b")
    c = c_column.text_input("C: a third, for the plane", key="prompt_c")
    if not 0 <= state.setdefault("interpolation_block", 5) <= last:
        state.interpolation_block = last
    block = block_column.number_input("Block", 0, last, key="interpolation_block")
    site = f"block:{block}"
    st.caption(
        f"A is the prompt above. A and B are also the vectors that leave block {block} at the last "
        "token of each; A's is replaced by A + α(B − A), and its earlier tokens stay as they are."
    )
    with st.spinner("Running the network above the block", show_time=True):
        line, names = depth.interpolated(key.model, key.prompt, b, site)
    draw_figure(
        interpolation_figure(line, epsilon, names),
        "interpolation",
        "Flat stretches are plateaus, steep ones edges. Vertical lines: the boundaries of A's and of "
        "B's stable region, KL = ε (dotted): dashed orange by the closed form, solid blue in truth.",
    )
    st.markdown(f"**{_edges(line, epsilon)}**")
    _draw_slice(key, (b, c), site, epsilon)


def _edges(line: Interpolation, epsilon: float) -> str:
    """The steepest edge, and A's boundary by the closed form and in truth."""
    predicted, actual = line.predicted(epsilon)[0], line.actual(epsilon)[0]
    return (
        f"‖B − A‖ = {wording.number(line.length)}. The steepest edge is at α = {line.edge:.2g}. "
        f"From A the closed form puts the boundary (KL = ε) at α = {wording.number(predicted)}; "
        + (f"it is at {wording.number(actual)}." if actual else f"it is {_lost(line, epsilon)}.")
    )


def _lost(line: Interpolation, epsilon: float) -> str:
    return "lost in rounding" if epsilon < line.start.resolution else "not reached on the way"


def _draw_slice(key: StateKey, others: tuple[str, str], site: str, epsilon: float) -> None:
    prompts = (key.prompt, *others)
    work = (key.model, *prompts, site, epsilon)
    started, _ = start_button("slice_asked", work, "Draw the plane of A, B and C")
    if not started:
        return
    with st.spinner("Running the network at a thousand points", show_time=True):
        view, points = depth.slice_of_three(*work)
    if view is None:
        st.info("This plane has a direction without curvature: there is no closed region.")
        return
    draw_figure(
        three_states_figure(view, points),
        "slice",
        f"The plane through the vectors of A, B and C at {site}: KL from A, the edge of A's stable "
        "region and its ellipse, and the cells of the most likely token.",
    )
