"""The look that all figures share: colours and lines that mean the same everywhere, one template.

Predicted is orange and dashed, actual is blue and solid, certified is a grey band, flips are
reddish purple (Okabe and Ito's palette, which colour-blind readers can tell apart), KL is cividis.
"""

import html
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from stability.errors import StabilityError, writing
from stability.text import isolated, printable, spelled

PREDICTED, ACTUAL, FLIP, CERTIFIED_GREY = "#E69F00", "#0072B2", "#CC79A7", "rgba(128,128,128,0.28)"
SKY_BLUE, GREEN, YELLOW, VERMILION = "#56B4E9", "#009E73", "#F0E442", "#D55E00"
MIDDLE_GREY, LILAC = "#7F7F7F", "#B8A1CF"
# blue enough, and light enough to be seen on cividis
ACTUAL_ON_KL = SKY_BLUE
# of axes, levels, and bars that stay in the background
AXIS_GREY = "rgba(128,128,128,0.85)"
# of things that differ in kind alone: tokens, pushes
CATEGORIES = (SKY_BLUE, GREEN, YELLOW, VERMILION, MIDDLE_GREY, LILAC)
DASHES = ("solid", "dash", "dot", "dashdot")
KL_SCALE = "Cividis"
# multiple of ε at which the colours and the axis of a divergence end
KL_CEILING = 4.0

PREDICTED_LINE = {"color": PREDICTED, "width": 3, "dash": "dash"}
ACTUAL_LINE = {"color": ACTUAL, "width": 3}
LEVEL_LINE = {"color": AXIS_GREY, "width": 1.5, "dash": "dot"}
FLIP_LINE = {"color": FLIP, "width": 2}
FLIP_MARKER = {"color": FLIP, "symbol": "triangle-up", "size": 12}

LONGEST_LABEL, LONGEST_TOKEN = 32, 24
# margins in pixels
ABOVE_COLOUR_BAR = {"l": 60, "r": 14, "t": 34, "b": 110}
# of a log axis; and what is tried in turn between the powers of ten, until there are enough ticks
FEWEST_TICKS, MOST_TICKS = 3, 9
MANTISSAS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))
# powers of ten are rounded
ROUNDED_UP = 1 + 1e-12
# a page of results is read on white and on black
ON_WHITE = {"paper_bgcolor": "white", "plot_bgcolor": "white"}

# digits as everywhere else, without the prefixes of the metric system
_TICKS = {"exponentformat": "power", "minexponent": 4}
_AXIS = {
    "gridcolor": "rgba(128,128,128,0.18)",
    "zerolinecolor": AXIS_GREY,
    "ticks": "outside",
    **_TICKS,
}
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
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
)


def figure(height: int, **layout: Any) -> go.Figure:
    """An empty figure in the common style; `height` in pixels."""
    return go.Figure(layout={"template": TEMPLATE, "height": height, **layout})


def colour_bar(title: str) -> dict[str, Any]:
    """A colour bar beneath a plane, where a narrow screen has room for it."""
    return {
        "title": {"text": title, "side": "bottom"},
        "orientation": "h",
        "thickness": 12,
        "y": -0.16,
        "yanchor": "top",
        "nticks": 6,
        **_TICKS,
    }


def log_axis(*values: ArrayLike) -> dict[str, Any]:
    """A log axis for positive values: ticks at powers of ten, between them too where those are few."""
    known = np.concatenate([np.ravel(np.asarray(part, dtype=float)) for part in values])
    known = known[np.isfinite(known) & (known > 0)]
    if not known.size:
        return {"type": "log"}
    low, high = float(known.min()), float(known.max())
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for parts in MANTISSAS:
        ticks = np.outer(powers, parts).ravel()
        ticks = ticks[(low <= ticks * ROUNDED_UP) & (ticks <= high * ROUNDED_UP)]
        if len(ticks) >= FEWEST_TICKS:
            break
    else:
        ticks = np.unique([float(f"{end:.2g}") for end in (low, high)])
    step = 1 + (len(ticks) - 1) // MOST_TICKS
    return {"type": "log", "tickvals": ticks[::step], "tickformat": "~g"}


def legend_entry(name: str, line: dict[str, Any]) -> go.Scatter:
    """An entry of the legend for lines that are shapes, of which Plotly lists none."""
    return go.Scatter(x=[None], y=[None], mode="lines", name=name, line=line)


def escaped(text: str, longest: int = LONGEST_LABEL) -> str:
    """Text on one line, safe inside Plotly's markup; "…" stands for what would not fit."""
    shown = printable(text)
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    return html.escape(isolated(shown), quote=False)


def visible(text: str) -> str:
    """A token's text spelled, safe inside Plotly's markup."""
    return html.escape(spelled(text, LONGEST_TOKEN), quote=False)


def equal_scales(drawn: go.Figure, x_title: str, y_title: str) -> None:
    """Title the two axes of a plane, and draw a unit as long on one as on the other."""
    drawn.update_xaxes(title=x_title, constrain="domain")
    drawn.update_yaxes(title=y_title, scaleanchor="x", constrain="domain")


def save(figure: go.Figure, path: Path, scale: float = 1.0) -> None:
    """Write a figure as a picture, `scale` times as many pixels as its layout says.

    Raises StabilityError where the file, or the browser that draws it, has no place.
    """
    with writing("A picture needs a file", path):
        try:
            figure.write_image(path, scale=scale)
        except (ValueError, RuntimeError) as error:
            raise StabilityError(
                f"A picture is drawn by kaleido and Chromium, as .png or .svg; {str(path)!r} was not "
                f"({error}): run `pip install '.[bench]'`, and put Chromium on the path."
            ) from error
