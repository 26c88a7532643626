"""The lower panel of a ray: the probabilities of the leading tokens, stacked and named."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from stability.figures.style import CATEGORIES, LETTER_WIDTH, OTHERS, letter_count, visible

# a view's type only: views bring torch
if TYPE_CHECKING:
    from stability.views.ray import RayView

# a share that is smaller everywhere has no room for a name
LEAST_NAMED_SHARE = 0.12


def share_areas(view: "RayView") -> Iterator[go.Scatter]:
    """The probability of each leading token, and of all others together, as stacked areas."""
    colours = [*CATEGORIES[: len(view.names)], OTHERS]
    for name, share, colour in zip(_names(view), view.shares, colours, strict=True):
        yield go.Scatter(
            x=view.t,
            y=share,
            name=name,
            stackgroup="shares",
            line={"width": 0.6, "color": "rgba(60,60,60,0.7)"},
            fillcolor=colour,
            showlegend=False,
            hovertemplate="%{y:.3f}",
        )


def name_shares(view: "RayView") -> Iterator[dict[str, Any]]:
    """The name of each leading token where its area is the widest."""
    width, middle = view.t[-1] - view.t[0], (view.t[0] + view.t[-1]) / 2
    bases = np.cumsum(view.shares, axis=0) - view.shares
    for name, share, base in zip(_names(view), view.shares, bases, strict=True):
        # further out the frame would cut it off
        reach = min(1 / 3, 0.5 - LETTER_WIDTH / 2 * (letter_count(name) + 2))
        is_inside = np.abs(view.t - middle) < reach * width
        widest = int(np.where(is_inside, share, 0).argmax())
        if share[widest] > LEAST_NAMED_SHARE:
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


def _names(view: "RayView") -> list[str]:
    """The name of each row of the shares."""
    return [*map(visible, view.names), "all others"]
