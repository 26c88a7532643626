"""The stable region in a plane: its boundary, ellipse, certified ball, and the argmax cells."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from stability.figures.style import (
    ABOVE_COLOUR_BAR,
    ACTUAL_ON_KL,
    CERTIFIED_GREY,
    FLIP_LINE,
    KL_CEILING,
    KL_SCALE,
    PREDICTED_LINE,
    colour_bar,
    equal_scales,
    escaped,
    figure,
    visible,
)

# a view's type only: views bring torch
if TYPE_CHECKING:
    from stability.views.region import RegionView

# part of the plane in view that a cell needs to have room for its name
LEAST_NAMED_AREA = 0.02


def region_figure(view: "RegionView") -> go.Figure:
    """KL (nats, colours) over a plane; both axes in the unit of the view, at equal scales.

    On it the stable region of `view`: its true boundary, the closed form's ellipse, the certified ball
    if there is one, and the cells of the most likely token.
    """
    drawn = figure(560, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    drawn.add_trace(_divergence(view))
    if len(view.cell_edges):
        drawn.add_trace(_cell_edges(view))
    _name_cells(drawn, view)
    if view.ball is not None:
        drawn.add_trace(_ball(view.ball))
    drawn.add_traces([_boundary(view), _ellipse(view)])
    half = float(view.axis[-1])
    drawn.add_traces([_state(), _ray(half)])
    x_title, y_title = (f"{escaped(label)} ({view.unit.name})" for label in view.labels)
    equal_scales(drawn, x_title, y_title)
    drawn.update_xaxes(range=[-half, half])
    drawn.update_yaxes(range=[-half, half])
    return drawn


def _divergence(view: "RegionView") -> go.Heatmap:
    """KL over the plane, as colours that end at a multiple of `ε`."""
    return go.Heatmap(
        x=view.axis.astype(np.float32),
        y=view.axis.astype(np.float32),
        z=view.kl.astype(np.float32),
        zmin=0,
        zmax=KL_CEILING * view.epsilon,
        zsmooth="best",
        colorscale=KL_SCALE,
        colorbar=colour_bar("KL (nats)"),
        hovertemplate="x %{x:.3g}, y %{y:.3g}<br>KL %{z:.3g} nats<extra></extra>",
    )


def _cell_edges(view: "RegionView") -> go.Scatter:
    """The edges between cells as one trace, with a gap behind each."""
    ends = view.cell_edges.astype(object)
    gaps = np.full((len(ends), 1, 2), None)
    x, y = np.concatenate([ends, gaps], axis=1).reshape(-1, 2).T
    return go.Scatter(
        x=x.tolist(),
        y=y.tolist(),
        mode="lines",
        line=FLIP_LINE,
        name="most likely token changes",
        hoverinfo="skip",
    )


def _name_cells(drawn: go.Figure, view: "RegionView") -> None:
    """The token of each cell that has room for its name."""
    view_area = float(np.ptp(view.axis)) ** 2
    for cell in view.cells:
        if cell.area > LEAST_NAMED_AREA * view_area:
            drawn.add_annotation(
                x=float(cell.centroid[0]),
                y=float(cell.centroid[1]),
                text=visible(cell.text),
                # the state itself may lie in the middle
                yshift=16,
                showarrow=False,
                font={"color": "white", "size": 13},
                bgcolor="rgba(0,0,0,0.45)",
            )


def _ball(radius: float) -> go.Scatter:
    """The certified ball, a filled circle."""
    angles = np.linspace(0, 2 * np.pi, 91)
    return go.Scatter(
        x=radius * np.cos(angles),
        y=radius * np.sin(angles),
        fill="toself",
        fillcolor=CERTIFIED_GREY,
        line={"color": "white", "width": 1, "dash": "dot"},
        name="certified ball",
        hoverinfo="skip",
    )


def _boundary(view: "RegionView") -> go.Scatter:
    """The true boundary, with a gap where it is not reached."""
    return go.Scatter(
        x=view.boundary[:, 0],
        y=view.boundary[:, 1],
        name=f"actual: KL = {view.epsilon:.3g}",
        line={"color": ACTUAL_ON_KL, "width": 3.5},
        hovertemplate="%{x:.3g}, %{y:.3g}<extra>actual boundary</extra>",
    )


def _ellipse(view: "RegionView") -> go.Scatter:
    """The boundary by the closed form."""
    return go.Scatter(
        x=view.ellipse[:, 0],
        y=view.ellipse[:, 1],
        name="predicted ellipse",
        line=PREDICTED_LINE,
        hovertemplate="%{x:.3g}, %{y:.3g}<extra>closed form</extra>",
    )


def _state() -> go.Scatter:
    """The state, at the origin."""
    return go.Scatter(
        x=[0],
        y=[0],
        mode="markers",
        name="the state",
        marker={"color": "white", "symbol": "x", "size": 9, "line": {"color": "grey", "width": 1}},
        hoverinfo="skip",
    )


def _ray(half: float) -> go.Scatter:
    """The ray along the first axis, from one side of the view to the other."""
    return go.Scatter(
        x=[-half, half],
        y=[0, 0],
        mode="lines",
        name="the ray",
        line={"color": "rgba(255,255,255,0.7)", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
