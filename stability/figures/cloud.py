"""The stable region as a cloud of perturbations, projected to two axes."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool
from numpy import ndarray

from stability.figures.style import (
    ABOVE_COLOUR_BAR,
    KL_CEILING,
    KL_SCALE,
    colour_bar,
    equal_scales,
    figure,
    visible,
)

# a view's type only: views bring torch
if TYPE_CHECKING:
    from stability.views.cloud import CloudView

# of the most frequent tokens in order, and of all others
SYMBOLS, OTHER_SYMBOL = ("circle", "square", "diamond", "triangle-up"), "cross"


def cloud_figure(view: "CloudView") -> go.Figure:
    """Each point a perturbation, coloured by KL/ε, its shape the most likely token there.

    Both axes are the projection's, in the unit of the view; UMAP's have none.
    """
    drawn = figure(560, margin=ABOVE_COLOUR_BAR, hovermode="closest", showlegend=True)
    *frequent, others = view.groups(len(SYMBOLS))
    for members, symbol in zip(frequent, SYMBOLS, strict=False):
        name = visible(view.texts[int(members.argmax())])
        drawn.add_trace(_points(view, members, name, symbol))
    if others.any():
        drawn.add_trace(_points(view, others, "other tokens", OTHER_SYMBOL))
    drawn.update_layout(
        coloraxis={
            "colorscale": KL_SCALE,
            "cmin": 0,
            "cmax": KL_CEILING,
            "colorbar": colour_bar("KL / ε"),
        }
    )
    unit = view.unit.name if view.unit else "no unit"
    equal_scales(drawn, f"{view.method} 1 ({unit})", f"{view.method} 2 ({unit})")
    return drawn


def _points(
    view: "CloudView", members: Bool[ndarray, " n"], name: str, symbol: str
) -> go.Scattergl:
    """The perturbations of a group of tokens, each named beside the cursor by its own token."""
    kl = view.cloud.kl[members]
    return go.Scattergl(
        x=view.points[members, 0].astype(np.float32),
        y=view.points[members, 1].astype(np.float32),
        mode="markers",
        name=name,
        marker={
            "symbol": symbol,
            "size": 8,
            "color": (kl / view.cloud.epsilon).astype(np.float32),
            "coloraxis": "coloraxis",
            "line": {"width": 0.5, "color": "rgba(128,128,128,0.8)"},
        },
        customdata=np.stack([kl], axis=1),
        text=[visible(view.texts[i]) for i in np.flatnonzero(members)],
        hovertemplate="%{text}<br>KL %{customdata[0]:.3g} nats<extra></extra>",
    )
