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
    log_axis,
)

# parts of the colours that have a contrast of 1.5 to the page behind them, as lines need
VISIBLE_ON_LIGHT, VISIBLE_ON_DARK = (0.0, 0.85), (0.3, 1.0)
# the colours of alignments begin at the least of them, or here
MOST_ALIKE = 0.95

# a result's type only: depths bring torch
if TYPE_CHECKING:
    from stability.geometry.depth_check import DepthCheck


def depth_radii_figure(
    predicted: Float[ndarray, " L"], length: Float[ndarray, " L"], unit: str
) -> go.Figure:
    """Predicted radii (in `unit`, log) over the blocks; gaps where there are none.

    `length` is that of the unit at each block, in coordinates: norms differ from block to block.
    """
    drawn = figure(380, hovermode="x unified")
    _add_predicted(drawn, shown := predicted / length)
    _name_radii(drawn, unit, shown)
    return drawn


def depth_check_figure(check: "DepthCheck", length: Float[ndarray, " L"], unit: str) -> go.Figure:
    """Predicted and actual radii (in `unit`, log) over the blocks; gaps where there are none.

    `length` is that of the unit at each block, in coordinates: norms differ from block to block.
    """
    drawn = figure(380, hovermode="x unified")
    blocks = np.arange(len(check.predicted))
    predicted = np.where(np.isfinite(check.predicted), check.predicted, np.nan) / length
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
    _add_predicted(drawn, predicted)
    _name_radii(drawn, unit, predicted, minus, plus)
    return drawn


def _add_predicted(drawn: go.Figure, predicted: Float[ndarray, " L"]) -> None:
    drawn.add_scatter(
        x=np.arange(len(predicted)),
        y=predicted,
        name="predicted r",
        mode="lines+markers",
        line=PREDICTED_LINE,
        marker={"symbol": "diamond-open", "size": 9, "line": {"width": 2}},
        hovertemplate="%{y:.3g}",
    )


def _name_radii(drawn: go.Figure, unit: str, *radii: Float[ndarray, " L"]) -> None:
    drawn.update_xaxes(title="block (0 is the first)")
    drawn.update_yaxes(title=f"radius ({unit})", **log_axis(*radii))


def block_divergences_figure(check: "DepthCheck", on_dark: bool = False) -> go.Figure:
    """True KL (nats) of every block with curvature over `t/r`, and the closed form they share.

    The colours of the blocks stand out from a light page, or from a dark one.
    """
    drawn = figure(380, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    last, scale = max(len(check.kl) - 1, 1), block_colours(on_dark)
    for block in np.flatnonzero(np.isfinite(check.predicted)).tolist():
        [colour] = sample_colorscale(scale, [block / last])
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
    drawn.add_trace(_block_bar(last, scale))
    drawn.add_hline(y=check.epsilon, line=LEVEL_LINE)
    drawn.update_xaxes(title="t / predicted r of the block")
    drawn.update_yaxes(title="KL (nats)", range=[0, KL_CEILING * check.epsilon])
    return drawn


def block_colours(on_dark: bool) -> list[str]:
    """The part of the colours that can be seen as lines on a light page, or on a dark one."""
    ends = VISIBLE_ON_DARK if on_dark else VISIBLE_ON_LIGHT
    colours: list[str] = sample_colorscale(KL_SCALE, np.linspace(*ends, 9).tolist())
    return colours


def _block_bar(last: int, scale: list[str]) -> go.Scatter:
    """A colour bar from the first block to the last, without a mark of its own."""
    bar = {**colour_bar("block"), "y": -0.3}
    marker = {"color": [0], "cmin": 0, "cmax": last, "colorscale": scale, "colorbar": bar}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False)


def alignment_figure(alignment: Float[ndarray, "L L"]) -> go.Figure:
    """`|cos|` (colours, from the least to 1) between what two blocks' top directions do.

    `alignment` is that of a `Depth`, a row and a column a block; so are the axes.
    """
    drawn = figure(470, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    drawn.add_heatmap(
        z=alignment.astype(np.float32),
        zmin=min(float(alignment.min()), MOST_ALIKE),
        zmax=1,
        colorscale=KL_SCALE,
        colorbar=colour_bar("alignment |cos|"),
        hovertemplate="blocks %{x} and %{y}<br>|cos| = %{z:.2f}<extra></extra>",
    )
    equal_scales(drawn, "block", "block")
    return drawn
