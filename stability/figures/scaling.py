"""How costs grow with the vocabulary, the width and the length of the prompt."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.figures.style import ACTUAL, FLIP, GREEN, ON_WHITE, PREDICTED, TEMPLATE

# colour and symbol of each task
TASKS = {
    "16 eigenpairs": (ACTUAL, "circle"),
    "a ray": (PREDICTED, "diamond"),
    "a region": (FLIP, "square"),
    "map of all tokens": (GREEN, "triangle-up"),
}


def scaling_figure(growths: Sequence[dict[str, Any]]) -> go.Figure:
    """Median time (milliseconds) over size, both log, a line a task and a panel an axis of growth.

    `growths` are those of the bench: a task, its axis, the sizes along it and the seconds they took.
    """
    axes = list(dict.fromkeys(growth["axis"] for growth in growths))
    drawn = make_subplots(cols=max(len(axes), 1), shared_yaxes=True, horizontal_spacing=0.03)
    drawn.update_layout(template=TEMPLATE, width=1000, height=360, **ON_WHITE)
    named: set[str] = set()
    for growth in growths:
        colour, symbol = TASKS[growth["task"]]
        drawn.add_scatter(
            x=growth["sizes"],
            y=[1000 * seconds for seconds in growth["seconds"]],
            name=growth["task"],
            legendgroup=growth["task"],
            showlegend=growth["task"] not in named,
            mode="lines+markers",
            line={"color": colour},
            marker={"symbol": symbol, "size": 9},
            row=1,
            col=axes.index(growth["axis"]) + 1,
        )
        named.add(growth["task"])
    for column, axis in enumerate(axes, start=1):
        sizes = next(growth["sizes"] for growth in growths if growth["axis"] == axis)
        names = [str(size) if size < 10_000 else f"{size / 1000:.3g}k" for size in sizes]
        ticks = {"tickvals": sizes, "ticktext": names}
        drawn.update_xaxes(title=axis, type="log", **ticks, row=1, col=column)
    drawn.update_yaxes(type="log", dtick=1)
    drawn.update_yaxes(title="median time (ms)", row=1, col=1)
    return drawn
