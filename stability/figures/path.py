"""The way between two states: how the output moves, and where the edges are."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.figures.region import region_figure
from stability.figures.style import (
    ACTUAL,
    ACTUAL_ON_KL,
    FLIP,
    PREDICTED,
    QUIET,
    TEMPLATE,
    visible,
)
from stability.geometry.interpolation import Interpolation
from stability.views.region import RegionView

NAMED = 6  # changes of the most likely token that have room for their names
DECADE = 10  # how far below ε divergences are drawn


def path_figure(path: Interpolation, epsilon: float, names: Sequence[str]) -> go.Figure:
    """KL from either state (nats) and movement of the output over `α`; `names` spell the argmax.

    Orange lines: where the closed form puts the boundary of either state's stable region; blue: truth.
    """
    drawn = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    drawn.update_layout(template=TEMPLATE, height=480, hovermode="x unified")
    drawn.add_scatter(
        x=path.alpha,
        y=path.kl,
        name="KL from A",
        line={"color": ACTUAL, "width": 3},
        hovertemplate="%{y:.3g} nats",
    )
    drawn.add_scatter(
        x=path.alpha,
        y=path.kl_back,
        name="KL from B",
        line={"color": ACTUAL_ON_KL, "width": 3},
        hovertemplate="%{y:.3g} nats",
    )
    drawn.add_scatter(
        x=path.alpha,
        y=path.movement,
        name="output moved",
        line={"color": ACTUAL, "width": 3, "dash": "dot"},
        customdata=[visible(name) for name in names],
        hovertemplate="%{y:.0%} of the way; most likely %{customdata}",
        row=2,
        col=1,
    )
    _draw_edges(drawn, "predicted boundary", path.predicted(epsilon), PREDICTED, "dash")
    _draw_edges(drawn, "actual boundary", path.actual(epsilon), ACTUAL, "solid")
    drawn.add_trace(_changes(path, names), row=2, col=1)
    drawn.add_hline(y=epsilon, line={"color": QUIET, "width": 1.5, "dash": "dot"}, row=1, col=1)
    top = float(max(path.kl.max(), path.kl_back.max(), 2 * epsilon))
    span = [np.log10(epsilon / DECADE), np.log10(2 * top)]
    drawn.update_yaxes(title="KL (nats)", type="log", range=span, dtick=1, row=1, col=1)
    drawn.update_yaxes(
        title="output moved (of its way)", tickformat=".0%", rangemode="tozero", row=2, col=1
    )
    drawn.update_xaxes(title="α: from A (0) to B (1)", row=2, col=1)
    return drawn


def _draw_edges(
    drawn: go.Figure, name: str, ends: Sequence[float | None], colour: str, dash: str
) -> None:
    """Vertical lines where an edge lies between the states, and their entry in the legend."""
    for end in ends:
        if end is not None and 0 <= end <= 1:
            drawn.add_vline(x=end, line={"color": colour, "width": 2, "dash": dash})
    line = {"color": colour, "dash": dash}
    drawn.add_scatter(x=[None], y=[None], mode="lines", name=name, line=line)


def _changes(path: Interpolation, names: Sequence[str]) -> go.Scatter:
    """Marks where another token becomes the most likely one."""
    changes = [i for i in range(1, len(names)) if path.argmax[i] != path.argmax[i - 1]]
    return go.Scatter(
        x=path.alpha[changes],
        y=np.zeros(len(changes)),
        mode="markers+text",
        text=[visible(names[i]) if len(changes) <= NAMED else "" for i in changes],
        textposition="top center",
        name="most likely token changes",
        marker={"color": FLIP, "symbol": "triangle-up", "size": 11},
        customdata=[visible(names[i]) for i in changes],
        hovertemplate="%{customdata} takes over",
    )


def slice_figure(view: RegionView, points: Sequence[tuple[str, float, float]]) -> go.Figure:
    """The plane of three states: the region of the first, with the others marked.

    The others are far: colours reach to the largest divergence in view.
    """
    drawn = region_figure(view)
    drawn.update_traces(zmax=float(view.kl.max()), selector={"type": "heatmap"})
    names, x, y = zip(*points, strict=True)
    drawn.add_scatter(
        x=x,
        y=y,
        mode="markers+text",
        text=names,
        textposition="top center",
        textfont={"color": "white", "size": 15},
        marker={"color": "white", "size": 10, "line": {"color": "black", "width": 1}},
        hoverinfo="skip",
        showlegend=False,
    )
    return drawn
