"""The ray: the true divergence against the closed form, and the probabilities beneath it."""

from collections.abc import Iterator
from typing import Any

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
    letters,
    visible,
)
from stability.views.ray import RayView

LETTER = 0.014  # of the width of the picture
CEILING = 3.0  # the picture ends at this multiple of ε


def ray_figure(view: RayView) -> go.Figure:
    """KL divergence (nats) and token probabilities over `t` (coordinates of the site)."""
    drawn = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05
    )
    drawn.update_layout(template=TEMPLATE, height=450, hovermode="x unified")
    _curves(drawn, view)
    _shares(drawn, view)
    _marks(drawn, view)
    # set at once: Plotly's add_vrect and add_annotation take milliseconds each
    drawn.update_layout(shapes=[*_bands(view), *_lines(view)], annotations=[*_names(view)])
    span = [float(view.t[0]), float(view.t[-1])]
    drawn.update_xaxes(range=span, hoverformat=".3g")
    drawn.update_xaxes(title=f"t ({view.unit.name})", row=2, col=1)
    drawn.update_yaxes(title="KL (nats)", range=[0, CEILING * view.epsilon], row=1, col=1)
    drawn.update_yaxes(title="probability", range=[0, 1], row=2, col=1)
    return drawn


def _bands(view: RayView) -> Iterator[dict[str, Any]]:
    """Stretches where another token leads, and those in which each boundary is certain to lie."""
    spans = [(s.start, s.stop, FLIP, 0.10) for s in view.segments if not s.start <= 0 < s.stop]
    if view.certificate:
        minus, plus = view.certificate
        spans += [(-minus[1], -minus[0], CERTIFIED, 1.0), (plus[0], plus[1], CERTIFIED, 1.0)]
    for start, stop, colour, opacity in spans:
        yield {
            "type": "rect",
            "xref": "x",
            "yref": "y domain",
            "x0": start,
            "x1": stop,
            "y0": 0,
            "y1": 1,
            "fillcolor": colour,
            "opacity": opacity,
            "line": {"width": 0},
            "layer": "below",
        }


def _lines(view: RayView) -> Iterator[dict[str, Any]]:
    """The level `ε`, and each change of the most likely token, through both pictures."""
    level = {"x0": 0, "x1": 1, "y0": view.epsilon, "y1": view.epsilon}
    look = {"color": QUIET, "width": 1.5, "dash": "dot"}
    yield {"type": "line", "xref": "x domain", "yref": "y", **level, "line": look}
    for edge in view.edges:
        for x, y in (("x", "y"), ("x2", "y2")):
            ends = {"x0": edge.t, "x1": edge.t, "y0": 0, "y1": 1}
            look = {"color": FLIP, "width": 2}
            yield {"type": "line", "xref": x, "yref": f"{y} domain", **ends, "line": look}


def _names(view: RayView) -> Iterator[dict[str, Any]]:
    """`ε` at its line, each winner above its stretch, each leader where its share is widest."""
    width, middle = view.t[-1] - view.t[0], (view.t[0] + view.t[-1]) / 2
    # above the middle of the curve, where no mark can be
    level = {"x": 0.5, "xref": "x domain", "y": view.epsilon, "yref": "y"}
    text = f"ε = {view.epsilon:.3g}"
    yield {**level, "yanchor": "bottom", "text": text, "showarrow": False, "font": {"size": 12}}
    for segment in view.segments:
        if (
            segment.stop - segment.start
            > max(0.05, LETTER * letters(visible(segment.text))) * width
        ):
            yield {
                "x": (segment.start + segment.stop) / 2,
                "xref": "x",
                "y": 0.99,
                "yref": "y domain",
                "yanchor": "top",
                "text": visible(segment.text),
                "showarrow": False,
                "font": {"size": 13},
            }
    bases = np.cumsum(view.shares, axis=0) - view.shares
    for name, share, base in zip(_leaders(view), view.shares, bases, strict=True):
        reach = min(1 / 3, 0.5 - LETTER / 2 * (letters(name) + 2))  # or the frame would cut it off
        inside = np.abs(view.t - middle) < reach * width
        widest = int(np.where(inside, share, 0).argmax())
        if share[widest] > 0.12:
            yield {
                "x": float(view.t[widest]),
                "xref": "x2",
                "y": float(base[widest] + share[widest] / 2),
                "yref": "y2",
                "text": name,
                "showarrow": False,
                "font": {"size": 12, "color": "black"},
                "bgcolor": "rgba(255,255,255,0.65)",
            }


def _leaders(view: RayView) -> list[str]:
    return [*map(visible, view.names), "all others"]


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


def _marks(drawn: go.Figure, view: RayView) -> None:
    """Where the closed form puts ±r, where the boundaries are, where the argmax changes."""
    ends = [sign * end for sign, end in zip((-1, 1), view.boundary, strict=True) if end is not None]
    for name, xs, colour, symbol in (
        ("predicted ±r", [-view.predicted, view.predicted], PREDICTED, "diamond-open"),
        ("actual boundary", ends, ACTUAL, "circle"),
    ):
        drawn.add_scatter(
            x=xs,
            y=[view.epsilon] * len(xs),
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 12, "line": {"width": 2.5}},
            hovertemplate="%{x:.3g}",
        )
    if view.certificate:
        drawn.add_bar(
            x=[None], y=[None], marker_color=CERTIFIED, name="certified: boundary in here"
        )
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
    """Probabilities of the leading tokens, stacked."""
    colours = [*SHARES[: len(view.names)], OTHERS]
    for name, share, colour in zip(_leaders(view), view.shares, colours, strict=True):
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
