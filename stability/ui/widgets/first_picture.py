"""The first picture: the default choice's ray, shipped, and drawn before torch is imported.

A browser needs seconds to load and draw interactive figures, a server as many to import torch; this
one is a still of the same figure, which then takes its place. Make it again by
`python -m stability.ui.widgets.first_picture`.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import MODELS
from stability.ui.choice import EXAMPLES, Choice
from stability.ui.widgets.resources import resource

CHOICE = Choice(MODELS[0], EXAMPLES["a sure fact"], -1, DirectionSpec("eig", 0), 0.01)
PICTURE = Path(__file__).with_name("first_picture.svg")
# pixels of the column it stands in, on a screen of 1440
PICTURE_WIDTH = 680
# stands for the page's own text colour while the picture is made
INK = "rgb(1, 2, 3)"


def show() -> None:
    """Draw the shipped picture."""
    with st.container(key="first"):
        _component()(key="still", data=is_painted(), on_painted_change=lambda: None)


def is_painted() -> bool:
    """Whether the browser has painted it, and has time for figures."""
    return bool(st.session_state.get("still", {}).get("painted"))


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "first_picture",
        html=resource(PICTURE.name),
        css="svg { width: 100%; height: auto; color: var(--st-text-color); }",
        js=resource("first_picture.js"),
    )


def make() -> str:
    """The picture as SVG, from the model's own numbers; the text takes the page's colour."""
    import plotly.io

    from stability.figures.ray import ray_figure
    from stability.geometry.analysis import analyze
    from stability.models import load
    from stability.ui.wording import verdict
    from stability.views.ray import ray_view

    analysis = analyze(load(CHOICE.model), CHOICE.prompt, direction=str(CHOICE.direction))
    view = ray_view(analysis.ray, analysis.direction.label, CHOICE.epsilon)
    assert view is not None
    figure = ray_figure(view).update_layout(font_color=INK)
    height = figure.layout.height
    svg = plotly.io.to_image(figure, "svg", width=PICTURE_WIDTH, height=height).decode()
    described = f"<desc>{verdict(view, analysis.state.here.text)}</desc>"
    svg = svg.replace(INK, "currentColor").replace('class="main-svg"', 'role="img"', 1)
    return svg.replace("><", f">{described}<", 1)


if __name__ == "__main__":
    PICTURE.write_text(make(), "utf-8")
