"""One token: the closed form against the truth at every block, along each block's own top direction."""

from typing import Any

import numpy as np
import streamlit as st

from stability.figures.depth import (
    alignment_figure,
    block_divergences_figure,
    depth_check_figure,
    depth_radii_figure,
)
from stability.geometry.depth import Depth
from stability.geometry.depth_check import DepthCheck
from stability.ui import wording
from stability.ui.cached.depth import checked_depth, measured_depth
from stability.ui.cached.states import StateKey
from stability.ui.widgets.figure import draw_figure
from stability.ui.widgets.start import is_stopped, start_button
from stability.ui.widgets.token import choose_token
from stability.views.depth import block_lengths


def draw(key: StateKey, epsilon: float, relative: bool) -> None:
    """Draw the closed form at every block, and when it is asked for the comparison with the truth."""
    choose_token(key)
    label = "Look at this token at every block (some seconds)"
    is_looked_at = not is_stopped("depth_asked", key)
    started, stop = start_button("depth_asked", key, label, at_once=is_looked_at)
    if not started:
        return
    depth = measured_depth(key, on_stop=stop)
    label = "Measure this token at every block (15 seconds or more)"
    started, stop = start_button("depth_check_asked", (key, epsilon), label)
    if not started:
        _draw_closed_form(depth, epsilon, relative)
        return
    check = checked_depth(key, epsilon, on_stop=stop)
    if np.isnan(check.errors).all():
        st.info("No block's boundary is reached: there is nothing to compare.")
        return
    st.markdown(wording.depth_check(check))
    left, right = st.columns(2)
    with left:
        _draw_radii(depth, check, relative)
    with right:
        draw_figure(
            block_divergences_figure(check, on_dark=st.context.theme.type == "dark"),
            "curves",
            "The true KL of every block, each over its own predicted radius: where the formula holds "
            "all of them lie on the dashed parabola.",
        )
    with left:
        _draw_alignment(depth)
    with right:
        st.dataframe(_table(check), hide_index=True, height=470)
        st.caption(
            "Lengths in units of the vector. One pass finds nearly the top direction of each block; "
            "Explore refines it, and its radii may differ in the third digit."
        )


def _draw_closed_form(depth: Depth, epsilon: float, relative: bool) -> None:
    """Draw what is known without following any direction to its boundary."""
    st.caption(
        "Below is the closed form alone. To measure is to run the network at some thousand points, "
        "which can be stopped: it adds the true boundary of every block to the picture, the KL along "
        "each, and a table of how right the closed form is."
    )
    predicted = np.array([np.nan if r is None else r for r in depth.radii(epsilon)])
    if np.isnan(predicted).all():
        st.info("This prediction is so certain that no push at any block has a curvature.")
        return
    left, right = st.columns(2)
    with left:
        draw_figure(
            depth_radii_figure(predicted, *block_lengths(depth, relative)),
            "depth_radii",
            "Predicted radius along each block's most sensitive direction.",
        )
    with right:
        _draw_alignment(depth)


def _draw_radii(depth: Depth, check: DepthCheck, relative: bool) -> None:
    draw_figure(
        depth_check_figure(check, *block_lengths(depth, relative)),
        "depth_check",
        "Predicted radius and true boundaries along each block's most sensitive direction, whose "
        "largest component points to +: the sides may change places from block to block.",
    )


def _draw_alignment(depth: Depth) -> None:
    draw_figure(
        alignment_figure(depth.alignment.cpu().numpy()),
        "alignment",
        "Whether the most sensitive directions of two blocks change the prediction alike, carried "
        "to the output by the network's derivative: a bright square is one direction carried on, "
        "and its lower corner is where it was born.",
    )


def _table(check: DepthCheck) -> list[dict[str, Any]]:
    """A row for each block with curvature."""
    rows = []
    for block, (r, sides) in enumerate(zip(check.predicted, check.actual, strict=True)):
        if not np.isfinite(r):
            continue
        minus, plus = (float(t) if np.isfinite(t) else None for t in sides)
        kinds = np.where(np.isnan(sides), "unresolved", "reached").tolist()
        rows.append(
            {
                "block": block,
                "predicted": wording.number(float(r)),
                "actual −": wording.boundary(minus, kind=kinds[0]),
                "actual +": wording.boundary(plus, kind=kinds[1]),
                "closed form −": wording.error(float(r), minus, kinds[0]),
                "closed form +": wording.error(float(r), plus, kinds[1]),
            }
        )
    return rows
