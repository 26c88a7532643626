"""The look that all figures share: colours that mean the same everywhere, and one template.

Predicted is orange and dashed, actual is blue and solid, certified is a grey band, flips are
reddish purple (Okabe and Ito's palette, which colour-blind readers can tell apart), KL is cividis.
"""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

PREDICTED, ACTUAL, FLIP, CERTIFIED = "#E69F00", "#0072B2", "#CC79A7", "rgba(128,128,128,0.28)"
QUIET = "rgba(128,128,128,0.55)"
SHARES = (
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#D55E00",
    "#7F7F7F",
    "#B8A1CF",
    "rgba(128,128,128,0.25)",
)
KL_SCALE = "Cividis"

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "Source Sans Pro, Source Sans, sans-serif", "size": 14},
        "colorway": [ACTUAL, PREDICTED, FLIP],
        "margin": {"l": 60, "r": 14, "t": 34, "b": 46},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"align": "left"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "xaxis": {
            "gridcolor": "rgba(128,128,128,0.18)",
            "zerolinecolor": QUIET,
            "ticks": "outside",
        },
        "yaxis": {
            "gridcolor": "rgba(128,128,128,0.18)",
            "zerolinecolor": QUIET,
            "ticks": "outside",
        },
    }
)


def figure(height: int, **layout: Any) -> go.Figure:
    """An empty figure in the common style; `height` in pixels."""
    return go.Figure(layout={"template": TEMPLATE, "height": height, **layout})


def spelled(text: str) -> str:
    """A token's text with its white space made visible."""
    return text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣") or "∅"


def visible(text: str) -> str:
    """The same, safe inside Plotly's markup."""
    return spelled(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def token_axis(drawn: go.Figure, texts: Sequence[str]) -> None:
    """Name the horizontal bars at 0, 1, 2, … by tokens, the first on top."""
    drawn.update_yaxes(
        tickvals=list(range(len(texts))),
        ticktext=[visible(text) for text in texts],
        autorange="reversed",
        showgrid=False,
        zeroline=False,
    )
