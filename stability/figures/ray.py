"""The ray: the true divergence against the closed form, and the probabilities beneath it."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.figures.style import (
    ACTUAL,
    CERTIFIED,
    FLIP,
    OTHERS,
    PREDICTED,
    QUIET,
    SHARES,
    TEMPLATE,
    visible,
)
from stability.views import RayView

CEILING = 3.0  # the picture ends at this multiple of ε


def ray_figure(view: RayView) -> go.Figure:
    """KL divergence (nats) and token probabilities over `t` (coordinates of the site)."""
    drawn = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05
    )
    drawn.update_layout(template=TEMPLATE, height=450, hovermode="x unified")
    _curves(drawn, view)
    _shares(drawn, view)
    _segments(drawn, view)
    _certificate(drawn, view)
    _marks(drawn, view)
    span = [float(view.t[0]), float(view.t[-1])]
    drawn.update_xaxes(range=span, hoverformat=".3g")
    drawn.update_xaxes(title=f"t ({view.unit.name})", row=2, col=1)
    drawn.update_yaxes(title="KL (nats)", range=[0, CEILING * view.epsilon], row=1, col=1)
    drawn.update_yaxes(title="probability", range=[0, 1], row=2, col=1)
    return drawn


def _segments(drawn: go.Figure, view: RayView) -> None:
    """Stretches with one winner: alternate shading, the token's name at the top."""
    width = view.t[-1] - view.t[0]
    for i, segment in enumerate(view.segments):
        if i % 2:
            drawn.add_vrect(
                segment.start,
                segment.stop,
                fillcolor=FLIP,
                opacity=0.10,
                line_width=0,
                layer="below",
                row=1,
                col=1,
            )
        if segment.stop - segment.start > 0.07 * width:
            drawn.add_annotation(
                x=(segment.start + segment.stop) / 2,
                y=0.99,
                yref="y domain",
                yanchor="top",
                text=visible(segment.text),
                showarrow=False,
                font={"color": FLIP, "size": 13},
            )


def _certificate(drawn: go.Figure, view: RayView) -> None:
    """The stretch in which each boundary is certain to lie."""
    for sign, (inner, outer) in zip((-1, 1), view.certificate, strict=True):
        drawn.add_vrect(
            sign * inner,
            sign * outer,
            fillcolor=CERTIFIED,
            line_width=0,
            layer="below",
            row=1,
            col=1,
        )
    drawn.add_bar(x=[None], y=[None], marker_color=CERTIFIED, name="certified: boundary in here")


def _curves(drawn: go.Figure, view: RayView) -> None:
    drawn.add_scatter(
        x=view.t,
        y=view.kl,
        name="actual KL",
        line={"color": ACTUAL, "width": 3},
        hovertemplate="%{y:.3g} nats",
    )
    drawn.add_scatter(
        x=view.t,
        y=view.quadratic,
        name="closed form ½t²vᵀHv",
        line={"color": PREDICTED, "width": 3, "dash": "dash"},
        hovertemplate="%{y:.3g} nats",
    )
    drawn.add_hline(
        view.epsilon,
        line={"color": QUIET, "width": 1.5, "dash": "dot"},
        annotation={"text": f"ε = {view.epsilon:.3g}", "font": {"size": 12}},
        annotation_position="top left",
        row=1,
        col=1,
    )


def _marks(drawn: go.Figure, view: RayView) -> None:
    """Where the closed form puts ±r, where the boundaries are, where the argmax changes."""
    for name, xs, colour, symbol in (
        ("predicted ±r", (-view.predicted, view.predicted), PREDICTED, "diamond-open"),
        ("actual boundary", (-view.boundary[0], view.boundary[1]), ACTUAL, "circle"),
    ):
        drawn.add_scatter(
            x=xs,
            y=[view.epsilon] * 2,
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 12, "line": {"width": 2.5}},
            hovertemplate="%{x:.3g}",
        )
    for edge in view.edges:
        for row in (1, 2):
            drawn.add_vline(edge.t, line={"color": FLIP, "width": 2}, row=row, col=1)
    if view.edges:
        drawn.add_scatter(
            x=[edge.t for edge in view.edges],
            y=[0.0] * len(view.edges),
            name="most likely token changes",
            mode="markers",
            marker={"color": FLIP, "symbol": "triangle-up", "size": 12},
            customdata=[visible(edge.text) for edge in view.edges],
            hovertemplate="%{customdata} takes over at %{x:.3g}",
        )


def _shares(drawn: go.Figure, view: RayView) -> None:
    """Probabilities of the leading tokens, stacked, each named where it is widest."""
    names = [*map(visible, view.names), "all others"]
    colours = [*SHARES[: len(view.names)], OTHERS]
    middle, width = (view.t[0] + view.t[-1]) / 2, view.t[-1] - view.t[0]
    inside = np.abs(view.t - middle) < width / 3  # a name nearer to the end would be cut off
    base = 0 * view.t
    for name, share, colour in zip(names, view.shares, colours, strict=True):
        drawn.add_scatter(
            x=view.t,
            y=share,
            name=name,
            stackgroup="shares",
            line={"width": 0.6, "color": "rgba(60,60,60,0.7)"},
            fillcolor=colour,
            showlegend=False,
            hovertemplate="%{y:.3f}",
            row=2,
            col=1,
        )
        widest = int(np.where(inside, share, 0).argmax())
        if share[widest] > 0.12:
            drawn.add_annotation(
                x=float(view.t[widest]),
                y=float(base[widest] + share[widest] / 2),
                text=name,
                showarrow=False,
                font={"size": 12, "color": "black"},
                bgcolor="rgba(255,255,255,0.65)",
                row=2,
                col=1,
            )
        base = base + share
