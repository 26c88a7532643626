"""The ray: the true divergence against the closed form, and the probabilities beneath it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.figures.shares import name_shares, share_areas
from stability.figures.style import (
    ACTUAL,
    ACTUAL_LINE,
    CERTIFIED_GREY,
    FLIP,
    FLIP_LINE,
    FLIP_MARKER,
    LETTER_WIDTH,
    LEVEL_LINE,
    PREDICTED,
    PREDICTED_LINE,
    TEMPLATE,
    letter_count,
    visible,
)

# a view's type only: views bring torch
if TYPE_CHECKING:
    from stability.views.ray import RayView

# multiple of ε at which the divergence's axis ends
TOP = 3.0
# part of the width of the picture that a segment needs to have room for a name
LEAST_NAMED_WIDTH = 0.05


def ray_figure(view: "RayView") -> go.Figure:
    """KL (nats) above and token probabilities (0 to 1) below, over `t` in the unit of the view.

    Shows where `view` has its predicted radius and its boundaries, in which bands these are certified,
    and which token is the most likely on each segment.
    """
    drawn = make_subplots(
        rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05
    )
    drawn.update_layout(template=TEMPLATE, height=450, hovermode="x unified")
    drawn.add_traces([*_curves(view)])
    for area in share_areas(view):
        drawn.add_trace(area, row=2, col=1)
    drawn.add_traces([*_marks(view)])
    # set at once: Plotly's add_vrect and add_annotation take milliseconds each
    drawn.update_layout(
        shapes=[*_bands(view), _level(view), *_flip_lines(view)],
        annotations=[_level_name(view), *_segment_names(view), *name_shares(view)],
    )
    span = [float(view.t[0]), float(view.t[-1])]
    drawn.update_xaxes(range=span, hoverformat=".3g")
    drawn.update_xaxes(title=f"t ({view.unit.name})", row=2, col=1)
    drawn.update_yaxes(title="KL (nats)", range=[0, TOP * view.epsilon], row=1, col=1)
    drawn.update_yaxes(title="probability", range=[0, 1], row=2, col=1)
    return drawn


def _curves(view: "RayView") -> Iterator[go.Scatter]:
    """The true divergence, and the closed form's."""
    for name, kl, line in (
        ("actual KL", view.kl, ACTUAL_LINE),
        ("closed form ½t²vᵀHv", view.quadratic, PREDICTED_LINE),
    ):
        yield go.Scatter(x=view.t, y=kl, name=name, line=line, hovertemplate="%{y:.3g} nats")


def _marks(view: "RayView") -> Iterator[go.Scatter | go.Bar]:
    """Where the closed form puts ±r, where the boundaries are, where the argmax changes."""
    signed = zip((-1, 1), view.boundary, view.kinds, strict=True)
    boundaries = [
        (sign * distance, kind) for sign, distance, kind in signed if distance is not None
    ]
    for name, distances, notes, colour, symbol in (
        ("predicted ±r", [-view.predicted, view.predicted], ["", ""], PREDICTED, "diamond-open"),
        (
            "actual boundary",
            [distance for distance, _ in boundaries],
            [", a jump" if kind == "jump" else "" for _, kind in boundaries],
            ACTUAL,
            "circle",
        ),
    ):
        yield go.Scatter(
            x=distances,
            y=[view.epsilon] * len(distances),
            name=name,
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 12, "line": {"width": 2.5}},
            customdata=notes,
            hovertemplate="%{x:.3g}%{customdata}",
        )
    if view.certificate:
        # the legend's entry of bands, which are shapes
        name = "certified: boundary in here"
        yield go.Bar(x=[None], y=[None], marker_color=CERTIFIED_GREY, name=name)
    if view.flips_in_view:
        yield go.Scatter(
            x=[flip.t for flip in view.flips_in_view],
            y=[0.0] * len(view.flips_in_view),
            name="most likely token changes",
            mode="markers",
            marker=FLIP_MARKER,
            customdata=[visible(flip.text) for flip in view.flips_in_view],
            hovertemplate="%{customdata} takes over at %{x:.3g}",
        )


def _bands(view: "RayView") -> Iterator[dict[str, Any]]:
    """Stretches where another token leads, and those in which each boundary is certain to lie."""
    spans = [(s.start, s.stop, FLIP, 0.10) for s in view.segments if not s.start <= 0 < s.stop]
    if view.certificate:
        minus, plus = view.certificate
        spans += [
            (-minus[1], -minus[0], CERTIFIED_GREY, 1.0),
            (plus[0], plus[1], CERTIFIED_GREY, 1.0),
        ]
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


def _level(view: "RayView") -> dict[str, Any]:
    """The level `ε`."""
    ends = {"x0": 0, "x1": 1, "y0": view.epsilon, "y1": view.epsilon}
    return {"type": "line", "xref": "x domain", "yref": "y", **ends, "line": LEVEL_LINE}


def _flip_lines(view: "RayView") -> Iterator[dict[str, Any]]:
    """Each change of the most likely token, through both panels."""
    for flip in view.flips_in_view:
        for x, y in (("x", "y domain"), ("x2", "y2 domain")):
            ends = {"x0": flip.t, "x1": flip.t, "y0": 0, "y1": 1}
            yield {"type": "line", "xref": x, "yref": y, **ends, "line": FLIP_LINE}


def _level_name(view: "RayView") -> dict[str, Any]:
    """`ε` at its line, above the middle of the curve, where no mark can be."""
    return {
        "x": 0.5,
        "xref": "x domain",
        "y": view.epsilon,
        "yref": "y",
        "yanchor": "bottom",
        "text": f"ε = {view.epsilon:.3g}",
        "showarrow": False,
        "font": {"size": 12},
    }


def _segment_names(view: "RayView") -> Iterator[dict[str, Any]]:
    """The most likely token of each segment that has room for its name."""
    width = view.t[-1] - view.t[0]
    for segment in view.segments:
        name = visible(segment.text)
        least = max(LEAST_NAMED_WIDTH, LETTER_WIDTH * letter_count(name)) * width
        if segment.stop - segment.start > least:
            yield {
                "x": (segment.start + segment.stop) / 2,
                "xref": "x",
                "y": 0.99,
                "yref": "y domain",
                "yanchor": "top",
                "text": name,
                "showarrow": False,
                "font": {"size": 13},
            }
