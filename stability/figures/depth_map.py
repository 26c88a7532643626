"""How far every token's vector may move at every block."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray

from stability.figures.style import (
    ABOVE_COLOUR_BAR,
    KL_SCALE,
    LONGEST_TOKEN,
    PREDICTED,
    colour_bar,
    figure,
)
from stability.text import digits, spelled_all

# pixels: of a row, the lower the more of them there are
LEAST_ROW, GREATEST_ROW, ROWS_TOGETHER = 24, 44, 320
# quantiles of the radii between which colours change
COLOURED = (0.03, 0.97)


def depth_map_figure(
    radii: Float[ndarray, "T L"], tokens: Sequence[str], unit: str, chosen: int
) -> go.Figure:
    """The shortest predicted radius (log colours) of every token (rows) at every block (columns).

    `radii` are in `unit`, NaN where there is no curvature; the row of `chosen` has a frame.
    """
    rows, blocks = radii.shape
    drawn = figure(
        row_height(rows) * rows + 150,
        margin={**ABOVE_COLOUR_BAR, "t": 14},
        hovermode="closest",
    )
    drawn.add_traces([_cells(radii, unit), _clickable_marks(radii, tokens)])
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
        ticktext=_names(tokens),
        range=[rows - 0.5, -0.5],
        automargin=True,
        **bare,
    )
    return drawn


def row_height(rows: int) -> int:
    """The height of a row in pixels."""
    return int(np.clip(ROWS_TOGETHER / rows, LEAST_ROW, GREATEST_ROW))


def _names(tokens: Sequence[str]) -> list[str]:
    """Tokens spelled, safe inside Plotly's markup."""
    return [html.escape(name, quote=False) for name in spelled_all(tokens, LONGEST_TOKEN)]


def _cells(radii: Float[ndarray, "T L"], unit: str) -> go.Heatmap:
    """The logarithms of the radii as colours."""
    logs = np.log10(radii)
    # all attend to the first token: it is unlike the others, and would take half of the colours
    known = (logs[1:] if len(logs) > 1 else logs).ravel()
    known = known[np.isfinite(known)]
    ends = np.quantile(known, COLOURED) if known.size else None
    return go.Heatmap(
        z=logs.astype(np.float32),
        zmin=None if ends is None else ends[0],
        zmax=None if ends is None else ends[1],
        colorscale=KL_SCALE,
        colorbar={
            **colour_bar(f"shortest predicted radius ({unit})"),
            **({} if ends is None else _radius_ticks(*ends)),
            "y": -60 / (row_height(len(radii)) * len(radii)),
        },
        xgap=1,
        ygap=1,
        hoverinfo="skip",
    )


def _radius_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of the colour bar, in the radii whose logarithms are drawn."""
    ticks = np.linspace(low, high, 5)
    return {"tickvals": ticks, "ticktext": [digits(10**tick) for tick in ticks]}


def _clickable_marks(radii: Float[ndarray, "T L"], tokens: Sequence[str]) -> go.Scatter:
    """A transparent mark on every cell: Plotly selects marks, and no cells of a heatmap."""
    y, x = (index.ravel() for index in np.indices(radii.shape))
    names = _names(tokens)
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"symbol": "square", "size": 16, "color": "rgba(0,0,0,0)"},
        customdata=[
            [names[int(row)], digits(radii[row, block])] for row, block in zip(y, x, strict=True)
        ],
        hovertemplate="%{customdata[0]}, block %{x}<br>r = %{customdata[1]}<extra></extra>",
        showlegend=False,
    )
