"""The stable region in a plane: true edge, ellipse, certified ball, and the cells of the argmax."""

import numpy as np
import plotly.graph_objects as go

from stability.figures.style import (
    ABOVE_COLOUR_BAR,
    ACTUAL_ON_KL,
    CERTIFIED,
    FLIP,
    KL_SCALE,
    PREDICTED,
    colour_bar,
    escaped,
    figure,
    visible,
)
from stability.views.region import RegionView

CEILING = 4.0  # colours end at this multiple of ε


def region_figure(view: RegionView) -> go.Figure:
    """KL divergence (nats) over the plane, in the site's coordinates, equal scales on both axes."""
    half = float(view.axis[-1])
    drawn = figure(560, margin=ABOVE_COLOUR_BAR, hovermode="closest")
    drawn.add_heatmap(
        x=view.axis.astype(np.float32),
        y=view.axis.astype(np.float32),
        z=view.kl.astype(np.float32),
        zmin=0,
        zmax=CEILING * view.epsilon,
        zsmooth="best",
        colorscale=KL_SCALE,
        colorbar=colour_bar("KL (nats)"),
        hovertemplate="x %{x:.3g}, y %{y:.3g}<br>KL %{z:.3g} nats<extra></extra>",
    )
    _cells(drawn, view)
    if view.ball is not None:
        circle = np.linspace(0, 2 * np.pi, 91)
        drawn.add_scatter(
            x=view.ball * np.cos(circle),
            y=view.ball * np.sin(circle),
            fill="toself",
            fillcolor=CERTIFIED,
            line={"color": "white", "width": 1, "dash": "dot"},
            name="certified ball",
            hoverinfo="skip",
        )
    drawn.add_scatter(
        x=view.boundary[:, 0],
        y=view.boundary[:, 1],
        name=f"actual: KL = {view.epsilon:.3g}",
        line={"color": ACTUAL_ON_KL, "width": 3.5},
        hovertemplate="%{x:.3g}, %{y:.3g}<extra>actual boundary</extra>",
    )
    drawn.add_scatter(
        x=view.ellipse[:, 0],
        y=view.ellipse[:, 1],
        name="predicted ellipse",
        line={"color": PREDICTED, "width": 3, "dash": "dash"},
        hovertemplate="%{x:.3g}, %{y:.3g}<extra>closed form</extra>",
    )
    drawn.add_scatter(
        x=[0],
        y=[0],
        mode="markers",
        name="the state",
        marker={"color": "white", "symbol": "x", "size": 9, "line": {"color": "grey", "width": 1}},
        hoverinfo="skip",
    )
    drawn.add_scatter(
        x=[-half, half],
        y=[0, 0],
        mode="lines",
        name="the ray",
        line={"color": "rgba(255,255,255,0.7)", "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    x_title, y_title = (f"{escaped(label)} ({view.unit.name})" for label in view.labels)
    drawn.update_xaxes(title=x_title, range=[-half, half], constrain="domain")
    drawn.update_yaxes(title=y_title, range=[-half, half], scaleanchor="x", constrain="domain")
    return drawn


def _cells(drawn: go.Figure, view: RegionView) -> None:
    """The walls between cells, and the token's name in each cell that has room for it."""
    if len(view.walls):
        ends = view.walls.astype(object)
        gaps = np.full((len(ends), 1, 2), None)
        x, y = np.concatenate([ends, gaps], axis=1).reshape(-1, 2).T
        drawn.add_scatter(
            x=x.tolist(),
            y=y.tolist(),
            mode="lines",
            line={"color": FLIP, "width": 2},
            name="most likely token changes",
            hoverinfo="skip",
        )
    view_area = float(np.ptp(view.axis)) ** 2
    for cell in view.cells:
        if cell.area > 0.02 * view_area:
            drawn.add_annotation(
                x=float(cell.centroid[0]),
                y=float(cell.centroid[1]),
                text=visible(cell.text),
                yshift=16,  # the state itself may lie in the middle
                showarrow=False,
                font={"color": "white", "size": 13},
                bgcolor="rgba(0,0,0,0.45)",
            )
