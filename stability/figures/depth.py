"""One token at every block: how right the closed form is there, and which directions are alike."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray
from plotly.colors import sample_colorscale

from stability.figures.style import (
    ABOVE_COLOUR_BAR,
    ACTUAL,
    KL_CEILING,
    KL_SCALE,
    LEVEL_LINE,
    PREDICTED_LINE,
    colour_bar,
    equal_scales,
    figure,
)

# a result's type only: depths bring torch
if TYPE_CHECKING:
    from stability.geometry.depth_check import DepthCheck


def depth_check_figure(check: "DepthCheck", length: Float[ndarray, " L"], unit: str) -> go.Figure:
    """Predicted and actual radii (in `unit`, log) over the blocks; gaps where there are none.

    `length` is that of the unit at each block, in coordinates: norms differ from block to block.
    """
    drawn = figure(380, hovermode="x unified")
    blocks = np.arange(len(check.predicted))
    minus, plus = np.where(np.isinf(check.actual), np.nan, check.actual).T / length
    for name, side, symbol in (("actual −", minus, "triangle-down"), ("actual +", plus, "circle")):
        drawn.add_scatter(
            x=blocks,
            y=side,
            name=name,
            mode="lines+markers",
            line={"color": ACTUAL, "width": 1.5},
            marker={"symbol": symbol, "size": 8},
            hovertemplate="%{y:.3g}",
        )
    drawn.add_scatter(
        x=blocks,
        y=np.where(np.isfinite(check.predicted), check.predicted, np.nan) / length,
        name="predicted r",
        mode="lines+markers",
        line=PREDICTED_LINE,
        marker={"symbol": "diamond-open", "size": 9, "line": {"width": 2}},
        hovertemplate="%{y:.3g}",
    )
    drawn.update_xaxes(title="block (0 is the first)")
    drawn.update_yaxes(title=f"radius ({unit})", type="log")
    return drawn


def block_divergences_figure(check: "DepthCheck") -> go.Figure:
    """True KL (nats) of every block with curvature over `t/r`, and the closed form they share."""
    drawn = figure(380, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    last = max(len(check.kl) - 1, 1)
    for block in np.flatnonzero(np.isfinite(check.predicted)).tolist():
        [colour] = sample_colorscale(KL_SCALE, [block / last])
        drawn.add_scatter(
            x=check.scale,
            y=check.kl[block],
            name=f"block {block}",
            mode="lines",
            line={"color": colour, "width": 1.5},
            showlegend=False,
            hovertemplate="t = %{x:.2g} r, KL %{y:.3g} nats",
        )
    drawn.add_scatter(
        x=check.scale,
        y=check.quadratic,
        name="closed form ε (t/r)²",
        mode="lines",
        line=PREDICTED_LINE,
        hoverinfo="skip",
    )
    drawn.add_trace(_block_colours(last))
    drawn.add_hline(y=check.epsilon, line=LEVEL_LINE)
    drawn.update_xaxes(title="t / predicted r of the block")
    drawn.update_yaxes(title="KL (nats)", range=[0, KL_CEILING * check.epsilon])
    return drawn


def _block_colours(last: int) -> go.Scatter:
    """A colour bar from the first block to the last, without a mark of its own."""
    bar = {**colour_bar("block"), "y": -0.3}
    marker = {"color": [0], "cmin": 0, "cmax": last, "colorscale": KL_SCALE, "colorbar": bar}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False)


def alignment_figure(alignment: Float[ndarray, "L L"]) -> go.Figure:
    """`|cos|` (0 to 1, colours) between what two blocks' top directions do to the prediction.

    `alignment` is that of a `Depth`, a row and a column a block; so are the axes.
    """
    drawn = figure(470, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    drawn.add_heatmap(
        z=alignment.astype(np.float32),
        zmin=0,
        zmax=1,
        colorscale=KL_SCALE,
        colorbar=colour_bar("alignment |cos|"),
        hovertemplate="blocks %{x} and %{y}<br>|cos| = %{z:.2f}<extra></extra>",
    )
    equal_scales(drawn, "block", "block")
    return drawn
