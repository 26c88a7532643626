"""The look that all figures share: colours that mean the same everywhere, and one template.

Predicted is orange and dashed, actual is blue and solid, certified is a grey band, flips are
reddish purple (Okabe and Ito's palette, which colour-blind readers can tell apart), KL is cividis.
"""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from stability.errors import StabilityError, writing

PREDICTED, ACTUAL, FLIP, CERTIFIED = "#E69F00", "#0072B2", "#CC79A7", "rgba(128,128,128,0.28)"
ACTUAL_ON_KL = "#56B4E9"  # blue enough, and light enough to be seen on cividis
QUIET = "rgba(128,128,128,0.85)"
SHARES = ("#56B4E9", "#009E73", "#F0E442", "#D55E00", "#7F7F7F", "#B8A1CF")
OTHERS = "rgba(128,128,128,0.25)"
KL_SCALE = "Cividis"
LONGEST_LABEL, LONGEST_TOKEN = 32, 24
ABOVE_COLOUR_BAR = {"l": 60, "r": 14, "t": 34, "b": 110}  # margins, pixels

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


def colour_bar(title: str) -> dict[str, Any]:
    """A colour bar beneath a plane, where a narrow screen has room for it."""
    return {
        "title": {"text": title, "side": "bottom"},
        "orientation": "h",
        "thickness": 12,
        "y": -0.16,
        "yanchor": "top",
        "tickformat": "~g",
        "nticks": 6,
    }


def spelled(text: str) -> str:
    """A token's text with its white space, and whatever else leaves no ink, made visible."""
    shown = text.translate(str.maketrans("\n\t ", "⏎⇥␣"))
    characters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return "".join(characters) or "∅"


def escaped(text: str, longest: int = LONGEST_LABEL) -> str:
    """Text as it is, safe inside Plotly's markup; "…" stands for what would not fit."""
    return html.escape(text if len(text) <= longest else f"{text[: longest - 1]}…", quote=False)


def visible(text: str) -> str:
    """A token's text spelled, safe inside Plotly's markup."""
    return escaped(spelled(text), LONGEST_TOKEN)


def letters(markup: str) -> int:
    """How many letters are seen of a text that is safe inside Plotly's markup."""
    return len(html.unescape(markup))


def token_axis(drawn: go.Figure, texts: Sequence[str]) -> None:
    """Name the horizontal bars at 0, 1, 2, … by tokens, the first on top."""
    drawn.update_yaxes(
        tickvals=list(range(len(texts))),
        ticktext=[visible(text) for text in texts],
        autorange="reversed",
        automargin=True,
        showgrid=False,
        zeroline=False,
    )


def save(figure: go.Figure, path: Path, scale: float = 1.0) -> None:
    """Write a figure as a picture; raises StabilityError where it or what draws it has no place."""
    with writing("A picture needs a file", path):
        try:
            figure.write_image(path, scale=scale)
        except (ValueError, RuntimeError) as error:
            raise StabilityError(
                f"A picture is drawn by kaleido and Chromium, as .png or .svg; {str(path)!r} was not "
                f"({error}): run `pip install '.[bench]'`, and put Chromium on the path."
            ) from error
