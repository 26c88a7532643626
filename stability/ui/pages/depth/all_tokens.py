"""All tokens: a map of the shortest predicted radius of every token at every block."""

from typing import Any

import streamlit as st

from stability.figures.depth_map import depth_map_figure
from stability.ui import wording
from stability.ui.cached.depth import has_map, measured_map
from stability.ui.cached.states import StateKey, states
from stability.ui.choice import look_along, look_at, open_explore
from stability.ui.widgets.figure import draw_figure
from stability.ui.widgets.start import is_stopped, start_button
from stability.views.depth import depth_map_view

QUICK = 8  # tokens of a prompt whose map is measured at once, without a button


def draw(key: StateKey, epsilon: float, relative: bool) -> None:
    """Draw the map, or the button that starts to measure it."""
    tokens = states(key.model, key.prompt)[0].tokens
    work = (key.model, key.prompt)
    label = f"Measure {len(tokens)} tokens at every block (about a second each)"
    is_quick = len(tokens) <= QUICK and not is_stopped("map_asked", work)
    started, stop = start_button("map_asked", work, label, at_once=is_quick or has_map(*work))
    if not started:
        return
    view = depth_map_view(measured_map(*work, on_stop=stop), epsilon, relative)
    if view.is_flat:
        st.info("These predictions are so certain that no push at any block has a curvature.")
        return
    draw_figure(
        depth_map_figure(view.radii, [token.text for token in tokens], view.unit, key.position),
        "depth_map",
        f"How far the vector leaving each block may move along its most sensitive direction before "
        f"the next token changes by ε = {wording.nats(epsilon)}, by the closed form. Click a cell "
        "to open Explore there. The first token, which all others read, is unlike them and may lie "
        "beyond the colours, which are scaled to the others.",
        on_click=_open_cell,
    )


def _open_cell(cell: dict[str, Any]) -> None:
    st.session_state.position = int(cell["y"])
    look_at(f"block:{int(cell['x'])}")
    look_along(1)
    open_explore()
