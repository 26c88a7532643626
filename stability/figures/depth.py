"""All depths: how long the radius is at every token and block, and how right it is at one token."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray
from plotly.colors import sample_colorscale

from stability.figures.style import (
    ABOVE_COLOUR_BAR,
    ACTUAL,
    KL_SCALE,
    PREDICTED,
    QUIET,
    colour_bar,
    figure,
    visible,
)
from stability.geometry.depth import DepthCheck

ROW, LEAST = 24, 260  # pixels
COLOURED = (0.03, 0.97)  # quantiles of what is drawn, between which colours change
CEILING = 4.0  # curves end at this multiple of ε


def depth_map_figure(
    radii: Float[ndarray, "T L"], tokens: Sequence[str], unit: str, chosen: int
) -> go.Figure:
    """The shortest predicted radius of every token (rows) at every block (columns), log colours.

    Transparent marks lie on the cells, since cells themselves do not hear a click.
    """
    rows, blocks = radii.shape
    drawn = figure(
        max(ROW * rows + 150, LEAST), margin={**ABOVE_COLOUR_BAR, "t": 14}, hovermode="closest"
    )
    logs = np.log10(radii)
    drawn.add_heatmap(
        z=logs.astype(np.float32),
        colorscale=KL_SCALE,
        **_ends(logs),
        colorbar={
            **colour_bar(f"shortest predicted radius ({unit})"),
            **_ticks(logs),
            "y": -60 / (ROW * rows),
        },
        xgap=1,
        ygap=1,
        hoverinfo="skip",
    )
    drawn.add_trace(_marks(radii, tokens))
    drawn.add_shape(
        type="rect",
        x0=-0.5,
        x1=blocks - 0.5,
        y0=chosen - 0.5,
        y1=chosen + 0.5,
        line={"color": PREDICTED, "width": 2},
    )
    bare = {"showgrid": False, "zeroline": False, "ticks": ""}
    drawn.update_xaxes(title="block (0 is the first)", range=[-0.5, blocks - 0.5], **bare)
    drawn.update_yaxes(
        tickvals=list(range(rows)),
        ticktext=[visible(token) for token in tokens],
        range=[rows - 0.5, -0.5],
        automargin=True,
        **bare,
    )
    return drawn


def _ends(logs: Float[ndarray, "T L"]) -> dict[str, float]:
    """Where colours end: a first token is unlike all others, and would take them for itself."""
    known = logs[np.isfinite(logs)]
    return (
        dict(zip(("zmin", "zmax"), np.quantile(known, COLOURED), strict=True)) if known.size else {}
    )


def _ticks(logs: Float[ndarray, "T L"]) -> dict[str, Any]:
    """Marks of a colour bar, in the numbers whose logarithms are drawn."""
    ends = [*_ends(logs).values()]
    if not ends:
        return {}
    ticks = np.linspace(ends[0], ends[1], 5)
    return {"tickvals": ticks, "ticktext": [f"{10**tick:.2g}" for tick in ticks]}


def _marks(radii: Float[ndarray, "T L"], tokens: Sequence[str]) -> go.Scatter:
    """A transparent mark on every cell."""
    y, x = (part.ravel() for part in np.indices(radii.shape))
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "square", "size": 16, "color": "rgba(0,0,0,0)"},
        customdata=[
            [visible(tokens[int(row)]), f"{radii[row, block]:.3g}"]
            for row, block in zip(y, x, strict=True)
        ],
        hovertemplate="%{customdata[0]}, block %{x}<br>r = %{customdata[1]}<extra></extra>",
        showlegend=False,
    )


def across_figure(found: DepthCheck, length: Float[ndarray, " L"], unit: str) -> go.Figure:
    """Predicted and actual radii over the blocks; `length` is the unit's own at each block."""
    drawn = figure(380, hovermode="x unified")
    blocks = np.arange(len(found.predicted))
    minus, plus = np.where(np.isinf(found.actual), np.nan, found.actual).T / length
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
        y=np.where(np.isfinite(found.predicted), found.predicted, np.nan) / length,
        name="predicted r",
        mode="lines+markers",
        line={"color": PREDICTED, "width": 3, "dash": "dash"},
        marker={"symbol": "diamond-open", "size": 9, "line": {"width": 2}},
        hovertemplate="%{y:.3g}",
    )
    drawn.update_xaxes(title="block (0 is the first)")
    drawn.update_yaxes(title=f"radius ({unit})", type="log")
    return drawn


def curves_figure(found: DepthCheck) -> go.Figure:
    """The true divergence of every block over `t/r`, and the closed form that all of them share."""
    drawn = figure(380, margin={**ABOVE_COLOUR_BAR, "t": 34}, hovermode="closest")
    last = max(len(found.kl) - 1, 1)
    for block, curve in enumerate(found.kl):
        if np.isfinite(found.predicted[block]):
            [colour] = sample_colorscale(KL_SCALE, [block / last])
            drawn.add_scatter(
                x=found.scale,
                y=curve,
                name=f"block {block}",
                mode="lines",
                line={"color": colour, "width": 1.5},
                showlegend=False,
                hovertemplate="t = %{x:.2g} r, KL %{y:.3g} nats",
            )
    drawn.add_scatter(
        x=found.scale,
        y=found.quadratic,
        name="closed form ε (t/r)²",
        mode="lines",
        line={"color": PREDICTED, "width": 3, "dash": "dash"},
        hoverinfo="skip",
    )
    drawn.add_trace(_block_colours(last))
    drawn.add_hline(y=found.epsilon, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    drawn.update_xaxes(title="t / predicted r of the block")
    drawn.update_yaxes(title="KL (nats)", range=[0, CEILING * found.epsilon])
    return drawn


def _block_colours(last: int) -> go.Scatter:
    """Nothing to see but a colour bar from the first block to the last."""
    bar = {**colour_bar("block"), "y": -0.3}
    marker = {"color": [0], "cmin": 0, "cmax": last, "colorscale": KL_SCALE, "colorbar": bar}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False)


def alignment_figure(alignment: Float[ndarray, "L L"]) -> go.Figure:
    """`|cos|` between what two blocks' top directions do to the prediction."""
    drawn = figure(470, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    drawn.add_heatmap(
        z=alignment.astype(np.float32),
        zmin=0,
        zmax=1,
        colorscale=KL_SCALE,
        colorbar=colour_bar("alignment |cos|"),
        hovertemplate="blocks %{x} and %{y}<br>|cos| = %{z:.2f}<extra></extra>",
    )
    drawn.update_xaxes(title="block", constrain="domain")
    drawn.update_yaxes(title="block", scaleanchor="x", constrain="domain")
    return drawn
