"""Between prompts: the interpolation from one prompt's vector to another's, and a plane of three."""

import streamlit as st

from stability.errors import StabilityError
from stability.figures.interpolation import interpolation_figure, three_states_figure
from stability.geometry.interpolation import Interpolation
from stability.instrument.plane import FLAT
from stability.ui import wording
from stability.ui.cached import depth
from stability.ui.cached.depth import Slice
from stability.ui.cached.models import loaded
from stability.ui.cached.states import StateKey
from stability.ui.pages.depth.link import FIRST_BLOCK, PROMPT_B, PROMPT_C
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.figure import draw_figure
from stability.ui.widgets.start import start_button
from stability.ui.wording import plain


def draw(key: StateKey, epsilon: float) -> None:
    """Draw the way from A to B, and below it the plane of A, B and C or its button."""
    plane = _choose(key)
    way, line, names = _computed(plane)
    draw_figure(
        interpolation_figure(line, epsilon, names),
        "interpolation",
        "Flat stretches are plateaus, steep ones edges. Vertical lines: the boundaries of A's and of "
        "B's stable region, KL = ε (dotted): dashed orange by the closed form, solid blue in truth.",
    )
    st.markdown(f"**{_edges(line, epsilon)}**")
    if way == plane:
        _draw_slice(plane, epsilon)


def _choose(key: StateKey) -> Slice:
    """The other two prompts, and the block."""
    last = loaded(key.model).card.n_layers - 1
    b_column, c_column, block_column = st.columns([3, 3, 1])
    st.session_state.setdefault("prompt_b", PROMPT_B)
    st.session_state.setdefault("prompt_c", PROMPT_C)
    # another model may have fewer
    if st.session_state.setdefault("interpolation_block", FIRST_BLOCK) > last:
        st.session_state.interpolation_block = last
    b = b_column.text_input("B: another prompt", key="prompt_b")
    c = c_column.text_input("C: a third, for the plane", key="prompt_c")
    block = block_column.number_input("Block", 0, last, key="interpolation_block")
    st.caption(
        f"A is the prompt above. A and B are also the vectors that leave block {block} at the last "
        "token of each; A's is replaced by A + α(B − A), and its earlier tokens stay as they are."
    )
    return Slice(key.model, key.prompt, b, c, f"block:{block}")


def _computed(plane: Slice) -> tuple[Slice, Interpolation, list[str]]:
    """The way from A to B, or after a sentence that says what is wrong the last one there was."""
    try:
        found = _between(plane)
    except StabilityError as error:
        good: Slice | None = st.session_state.get("good_way")
        # numbers of another model must not stand under this one's name
        if good is None or good.model != plane.model:
            raise
        show_error(error)
        st.caption(f"Still showing the way from {plain(str(good.a))} to {plain(good.b)}.")
        return good, *_between(good)
    st.session_state.good_way = plane
    return plane, *found


def _between(plane: Slice) -> tuple[Interpolation, list[str]]:
    with st.spinner("Running the network above the block", show_time=True):
        return depth.interpolated(plane.model, plane.a, plane.b, plane.site)


def _edges(line: Interpolation, epsilon: float) -> str:
    """The steepest edge, and A's boundary by the closed form and in truth."""
    predicted, actual = line.predicted(epsilon)[0], line.actual(epsilon)[0]
    length, edge = wording.number(line.length), wording.number(line.edge)
    return (
        f"‖B − A‖ = {length}. The steepest edge is at α = {edge}. "
        f"From A the closed form puts the boundary (KL = ε) at α = {wording.number(predicted)}; "
        + (f"it is at {wording.number(actual)}." if actual else f"it is {_lost(line, epsilon)}.")
    )


def _lost(line: Interpolation, epsilon: float) -> str:
    return "lost in rounding" if epsilon < line.start.resolution else "not reached on the way"


def _draw_slice(plane: Slice, epsilon: float) -> None:
    label = "Draw the plane of A, B and C (half a minute)"
    started, stop = start_button("slice_asked", (plane, epsilon), label)
    if not started:
        return
    view, points = depth.slice_of_three(plane, epsilon, on_stop=stop)
    if view is None:
        st.info(FLAT)
        return
    draw_figure(
        three_states_figure(view, points),
        "slice",
        f"The plane through the vectors of A, B and C at {plane.site}: KL from A, the edge of A's "
        "stable region by running the network (light blue, at 36 angles) and by the closed form "
        "(dashed orange), and the cells of the most likely token.",
    )
