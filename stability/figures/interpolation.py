"""The straight way between two states, and the plane through three."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.figures.region import region_figure
from stability.figures.style import (
    ACTUAL,
    ACTUAL_LINE,
    ACTUAL_ON_KL,
    FLIP_MARKER,
    LEVEL_LINE,
    PREDICTED,
    TEMPLATE,
    legend_entry,
    log_axis,
    visible,
)

# types only: results and views bring torch
if TYPE_CHECKING:
    from stability.geometry.interpolation import Interpolation
    from stability.views.region import RegionView

# changes of the most likely token that have room for their names
MOST_NAMED = 6
# per cent of the way at which names that follow each other stand
NAME_LEVELS = (4, 18, 32)
# the axis of divergences begins at this multiple of ε
LEAST_DRAWN = 0.1


def interpolation_figure(
    interpolation: "Interpolation", epsilon: float, names: Sequence[str]
) -> go.Figure:
    """KL from either state (nats, log) above, movement of the output (%) below, over `α` (0 to 1).

    `names` spell `interpolation.argmax`. Vertical lines are the boundaries of either state's stable
    region at `epsilon`: dashed orange by the closed form, solid blue in truth.
    """
    drawn = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.06)
    drawn.update_layout(template=TEMPLATE, height=480, hovermode="x unified")
    drawn.add_traces([*_divergences(interpolation)])
    drawn.add_trace(_movement(interpolation, names), row=2, col=1)
    predicted, actual = interpolation.predicted(epsilon), interpolation.actual(epsilon)
    _draw_boundaries(drawn, "predicted boundary", predicted, PREDICTED, "dash")
    _draw_boundaries(drawn, "actual boundary", actual, ACTUAL, "solid")
    for trace in _flips(interpolation, names):
        drawn.add_trace(trace, row=2, col=1)
    drawn.add_hline(y=epsilon, line=LEVEL_LINE, row=1, col=1)
    greatest = float(max(interpolation.kl.max(), interpolation.kl_back.max(), 2 * epsilon))
    ends = np.array([LEAST_DRAWN * epsilon, 2 * greatest])
    span = np.log10(ends).tolist()
    drawn.update_yaxes(title="KL (nats)", range=span, row=1, col=1, **log_axis(ends))
    drawn.update_yaxes(title="output moved (% of its way)", rangemode="tozero", row=2, col=1)
    drawn.update_xaxes(title="α: from A (0) to B (1)", row=2, col=1)
    return drawn


def _divergences(interpolation: "Interpolation") -> Iterator[go.Scatter]:
    """KL from A and from B."""
    for state, kl, colour in (
        ("A", interpolation.kl, ACTUAL),
        ("B", interpolation.kl_back, ACTUAL_ON_KL),
    ):
        yield go.Scatter(
            x=interpolation.alpha,
            y=kl,
            name=f"KL from {state}",
            line={**ACTUAL_LINE, "color": colour},
            hovertemplate="%{y:.3g} nats",
        )


def _movement(interpolation: "Interpolation", names: Sequence[str]) -> go.Scatter:
    """How far the output has moved, as a part of its whole way."""
    return go.Scatter(
        x=interpolation.alpha,
        y=100 * interpolation.movement,
        name="output moved",
        line={**ACTUAL_LINE, "dash": "dot"},
        customdata=[visible(name) for name in names],
        hovertemplate="%{y:.0f} % of the way; most likely %{customdata}",
    )


def _draw_boundaries(
    drawn: go.Figure, name: str, places: Sequence[float | None], colour: str, dash: str
) -> None:
    """Vertical lines at the boundaries that lie between the states, and their legend entry."""
    line: dict[str, Any] = {"color": colour, "dash": dash}
    for alpha in places:
        if alpha is not None and 0 <= alpha <= 1:
            drawn.add_vline(x=alpha, line={**line, "width": 2})
    drawn.add_trace(legend_entry(name, line))


def _flips(interpolation: "Interpolation", names: Sequence[str]) -> Iterator[go.Scatter]:
    """Marks where another token becomes the most likely one, and its name above, on several levels."""
    flips = (np.flatnonzero(np.diff(interpolation.argmax)) + 1).tolist()
    tokens = [visible(names[i]) for i in flips]
    yield go.Scatter(
        x=interpolation.alpha[flips],
        y=np.zeros(len(flips)),
        mode="markers",
        name="most likely token changes",
        marker=FLIP_MARKER,
        customdata=tokens,
        hovertemplate="%{customdata} takes over",
    )
    if len(flips) <= MOST_NAMED:
        yield go.Scatter(
            x=interpolation.alpha[flips],
            y=np.resize(NAME_LEVELS, len(flips)),
            mode="text",
            text=tokens,
            textposition="top center",
            showlegend=False,
            hoverinfo="skip",
        )


def three_states_figure(
    view: "RegionView", states: Sequence[tuple[str, float, float]]
) -> go.Figure:
    """The plane through three states: the stable region of the first, and where all three lie.

    Axes as in `region_figure`, which draws `view`; `states` are names and plane coordinates. The others
    are far: colours reach to the largest divergence in view.
    """
    drawn = region_figure(view)
    drawn.update_traces(zmax=float(view.kl.max()), selector={"type": "heatmap"})
    names, x, y = zip(*states, strict=True)
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
