"""Predicted against actual radii, and where the closed form goes wrong."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray
from plotly.subplots import make_subplots

from stability.curvature.direction_spec import NAMES, DirectionSpec
from stability.figures.style import (
    ACTUAL_LINE,
    DASHES,
    GREEN,
    LEVEL_LINE,
    LILAC,
    MIDDLE_GREY,
    ON_WHITE,
    PREDICTED_LINE,
    SKY_BLUE,
    TEMPLATE,
    VERMILION,
    escaped,
    figure,
    log_axis,
    visible,
)
from stability.text import digits, in_nats
from stability.units import relative_error

# from predicted to calibrated radii
RadiusMap = Callable[[Float[ndarray, " n"]], Float[ndarray, " n"]]

# colour and symbol of each kind of direction, and of any other kind
KIND_MARKS = {
    "eig": (SKY_BLUE, "circle"),
    "random": (GREEN, "square"),
    "covariance": (VERMILION, "diamond"),
    "tokens": (MIDDLE_GREY, "triangle-up"),
}
OTHER_KIND_MARK = (LILAC, "x")
EPSILON_COLOURS = (SKY_BLUE, GREEN, VERMILION, MIDDLE_GREY)
CALIBRATION_POINTS = 200
# relative error below which the closed form is called close
CLOSE = 0.08


def scatter_figure(
    cases: pd.DataFrame, predictor: str, calibrations: Mapping[str, RadiusMap], unit: str
) -> go.Figure:
    """Actual over predicted radius (in `unit`, both log), a symbol for each kind of direction.

    `cases` are those of `evaluation.calibration.cases`, `predictor` one of their columns. On the dashed
    orange line the two radii are equal; blue lines are `calibrations`, by name.
    """
    drawn = figure(520, hovermode="closest")
    # an SVG of thousands of points is slow
    drawn.add_traces(case_points(cases, predictor, go.Scattergl))
    least, greatest = float(cases[predictor].min()), float(cases[predictor].max())
    drawn.add_trace(_equality(least, greatest))
    predicted = np.geomspace(least, greatest, CALIBRATION_POINTS)
    dashes = np.resize(DASHES, len(calibrations))
    for (name, calibrated), dash in zip(calibrations.items(), dashes, strict=True):
        drawn.add_scatter(
            x=predicted,
            y=calibrated(predicted),
            name=name,
            mode="lines",
            line={**ACTUAL_LINE, "dash": str(dash)},
            hoverinfo="skip",
        )
    drawn.update_xaxes(title=f"radius by {predictor}<br>({unit})", **log_axis(cases[predictor]))
    drawn.update_yaxes(title=f"actual radius ({unit})", **log_axis(cases["actual"]))
    return drawn


def case_points(cases: pd.DataFrame, predictor: str, trace: Any) -> list[Any]:
    """A `trace` of marks for each kind of direction; custom data begin with the row's index."""
    traces = []
    for kind, rows in cases.groupby("kind"):
        colour, symbol = KIND_MARKS.get(str(kind), OTHER_KIND_MARK)
        by_index = zip(rows.index, rows.to_dict("records"), strict=True)
        traces.append(
            trace(
                x=rows[predictor].to_numpy(np.float32),
                y=rows["actual"].to_numpy(np.float32),
                name=NAMES.get(str(kind), str(kind)),
                legendgroup=str(kind),
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.6},
                customdata=[[index, *_hover(row, predictor)] for index, row in by_index],
                hovertemplate="%{customdata[1]}<br>%{customdata[2]}<br>%{customdata[3]}"
                "<extra></extra>",
            )
        )
    return traces


def _hover(row: Mapping[str, Any], predictor: str) -> tuple[str, str, str]:
    """A case in three lines: its place, its direction, and how far off the predictor is."""
    side, epsilon = "+" if row["side"] > 0 else "−", in_nats(f"{row['epsilon']:.2g}")
    boundary = f"{row['site']}, {_direction(row['direction'])}, ε = {epsilon}, {side} side"
    error = 100 * relative_error(row[predictor], row["actual"])
    radii = f"{predictor} {digits(row[predictor])}, actual {digits(row['actual'])}"
    off = f"{'+' if error > 0 else '−'}{digits(abs(error))} %"
    return _place(row["token"], row["prompt"]), boundary, f"{radii}: {off}"


# of thousands of cases many share a place or a direction
@lru_cache(maxsize=4096)
def _place(token: str, prompt: str) -> str:
    return f"after {visible(token)} in {escaped(prompt)}"


@lru_cache(maxsize=4096)
def _direction(written: str) -> str:
    return escaped(DirectionSpec.parse(written).label)


def _equality(least: float, greatest: float) -> go.Scatter:
    """The line on which the predicted radius is the actual one."""
    return go.Scatter(
        x=[least, greatest],
        y=[least, greatest],
        name="predicted = actual",
        mode="lines",
        line=PREDICTED_LINE,
        hoverinfo="skip",
    )


def predictors_figure(cases: pd.DataFrame, predictors: Sequence[str]) -> go.Figure:
    """Actual over predicted radii of `cases` (both log), a panel for each of their `predictors`.

    All panels have the same axes, in units of the vector.
    """
    drawn = _panels(predictors)
    least, greatest = float(cases["actual"].min()), float(cases["actual"].max())
    radii = cases[[*predictors]].to_numpy()
    for column, predictor in enumerate(predictors, start=1):
        for trace in [*case_points(cases, predictor, go.Scatter), _equality(least, greatest)]:
            trace.update(customdata=None, hovertemplate=None, showlegend=column == 1)
            drawn.add_trace(trace, row=1, col=column)
    drawn.update_xaxes(
        title="predicted", type="log", range=_span(np.nanmin(radii), np.nanmax(radii)), dtick=1
    )
    drawn.update_yaxes(type="log", range=_span(least, greatest), dtick=1)
    drawn.update_yaxes(title="actual radius", row=1, col=1)
    return drawn


def _panels(titles: Sequence[str]) -> go.Figure:
    """Empty panels side by side, for a page of results."""
    drawn = make_subplots(
        cols=len(titles), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles
    )
    drawn.update_layout(
        template=TEMPLATE,
        width=1200,
        height=460,
        legend={"y": -0.2, "yanchor": "top"},
        margin={"b": 90},
        **ON_WHITE,
    )
    return drawn


def _span(low: float, high: float) -> Float[ndarray, "2"]:
    """The range of a log axis that holds both ends with room around them."""
    return np.log10([low / 1.5, high * 1.5])


def errors_figure(bands: pd.DataFrame, title: str) -> go.Figure:
    """Median size of the closed form's error (%, log) over bands of a quantity, a line an `ε`.

    `bands` has columns `band` (text), `epsilon` and `error`; `title` names the quantity and its unit.
    """
    drawn = figure(380, width=600, **ON_WHITE)
    drawn.update_layout(margin={"b": 90, "l": 90, "r": 50})
    for i, (epsilon, rows) in enumerate(bands.groupby("epsilon")):
        drawn.add_scatter(
            x=rows["band"],
            y=rows["error"],
            name=f"ε = {epsilon:.2g}",
            mode="lines+markers",
            line={"color": EPSILON_COLOURS[i % 4], "dash": DASHES[i % 4], "width": 2},
            marker={"size": 8},
        )
    drawn.add_hline(y=CLOSE, line={**LEVEL_LINE, "width": 1})
    level = {"x": 1, "xref": "paper", "xanchor": "left", "y": np.log10(CLOSE)}
    drawn.add_annotation(text=f"{100 * CLOSE:.0f} %", **level, showarrow=False)
    drawn.update_xaxes(title=title, tickangle=30)
    drawn.update_yaxes(title="median size of the error", type="log", tickformat=".2~%", dtick=1)
    return drawn
