"""Predicted against actual radii, and where the closed form goes wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.curvature.direction_spec import DirectionSpec
from stability.evaluation.calibration import Curve
from stability.figures.style import (
    ACTUAL,
    PREDICTED,
    QUIET,
    TEMPLATE,
    escaped,
    figure,
    visible,
)
from stability.units import relative_error

LOOKS = {  # of the kinds of directions
    "eig": ("#56B4E9", "circle"),
    "random": ("#009E73", "square"),
    "covariance": ("#D55E00", "diamond"),
    "tokens": ("#7F7F7F", "triangle-up"),
}
OTHER = ("#B8A1CF", "x")
DASHES = ("solid", "dash", "dot", "dashdot")
KNOTS = 200  # points of a drawn curve


def scatter_figure(
    found: pd.DataFrame, predictor: str, curves: Mapping[str, Curve], unit: str
) -> go.Figure:
    """True radius over predicted radius, logarithmic, a symbol for each kind of direction.

    On the dashed orange line the two are equal; solid blue lines are calibrations, by name.
    """
    drawn = figure(520, hovermode="closest")
    for trace in points(found, predictor, go.Scattergl):  # an SVG of thousands is slow
        drawn.add_trace(trace)
    ends = np.array([found[predictor].min(), found[predictor].max()], dtype=float)
    drawn.add_scatter(
        x=ends,
        y=ends,
        name="predicted = actual",
        mode="lines",
        line={"color": PREDICTED, "width": 3, "dash": "dash"},
        hoverinfo="skip",
    )
    x = np.geomspace(ends[0], ends[1], KNOTS)
    for (name, curve), dash in zip(curves.items(), np.resize(DASHES, len(curves)), strict=True):
        drawn.add_scatter(
            x=x,
            y=curve(x),
            name=name,
            mode="lines",
            line={"color": ACTUAL, "width": 3, "dash": str(dash)},
            hoverinfo="skip",
        )
    drawn.update_xaxes(title=f"radius by {predictor}<br>({unit})", type="log")
    drawn.update_yaxes(title=f"actual radius ({unit})", type="log")
    return drawn


def points(found: pd.DataFrame, predictor: str, kind_of_trace: Any) -> list[Any]:
    """A cloud of points for each kind of direction."""
    traces = []
    for kind, part in found.groupby("kind"):
        colour, symbol = LOOKS.get(str(kind), OTHER)
        traces.append(
            kind_of_trace(
                x=part[predictor].to_numpy(np.float32),
                y=part["actual"].to_numpy(np.float32),
                name=str(kind),
                legendgroup=str(kind),
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.6},
                customdata=[[index, *_hover(row, predictor)] for index, row in part.iterrows()],
                hovertemplate="%{customdata[1]}<br>%{customdata[2]}<br>%{customdata[3]}"
                "<extra></extra>",
            )
        )
    return traces


def _hover(row: pd.Series, predictor: str) -> tuple[str, str, str]:
    """What is said of a case: where it is, along what, and how far off."""
    place = f"after {visible(row['token'])} in {escaped(row['prompt'])}"
    along = DirectionSpec.parse(row["direction"]).label
    what = f"{row['site']}, {along}, ε = {row['epsilon']:.2g}, side {row['side']:+d}"
    error = relative_error(row[predictor], row["actual"])
    return place, what, f"{row[predictor]:.3g} for {row['actual']:.3g}: {error:+.1%}"


def predictors_figure(found: pd.DataFrame, predictors: Sequence[str]) -> go.Figure:
    """Scatters of several predictors side by side, on the same axes."""
    drawn = make_subplots(
        cols=len(predictors),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=predictors,
    )
    drawn.update_layout(
        template=TEMPLATE,
        width=1200,
        height=460,
        paper_bgcolor="white",
        plot_bgcolor="white",
        legend={"y": -0.2, "yanchor": "top"},
        margin={"b": 90},
    )
    low, high = (float(limit(found["actual"])) for limit in (np.min, np.max))
    widest = [float(limit(found[[*predictors]].to_numpy())) for limit in (np.nanmin, np.nanmax)]
    for column, predictor in enumerate(predictors, start=1):
        for trace in points(found, predictor, go.Scatter):
            trace.update(customdata=None, hovertemplate=None, showlegend=column == 1)
            drawn.add_trace(trace, row=1, col=column)
        line = {"color": PREDICTED, "width": 3, "dash": "dash"}
        drawn.add_scatter(
            x=[low, high],
            y=[low, high],
            mode="lines",
            line=line,
            name="predicted = actual",
            showlegend=column == 1,
            row=1,
            col=column,
        )
        drawn.update_xaxes(
            title="predicted",
            type="log",
            range=np.log10([widest[0] / 1.5, widest[1] * 1.5]),
            row=1,
            col=column,
        )
    drawn.update_yaxes(type="log", range=np.log10([low / 1.5, high * 1.5]))
    drawn.for_each_xaxis(lambda axis: axis.update(dtick=1))
    drawn.for_each_yaxis(lambda axis: axis.update(dtick=1))
    drawn.update_yaxes(title="actual radius", row=1, col=1)
    return drawn


def errors_figure(bands: pd.DataFrame, title: str) -> go.Figure:
    """Median size of the closed form's error over bands of a quantity, a line for each `ε`.

    `bands` has columns `band` (text), `epsilon` and `error`.
    """
    drawn = figure(380, width=600, paper_bgcolor="white", plot_bgcolor="white")
    drawn.update_layout(margin={"b": 90, "l": 90, "r": 50})
    colours = ("#56B4E9", "#009E73", "#D55E00", "#7F7F7F")
    for i, (epsilon, part) in enumerate(bands.groupby("epsilon")):
        drawn.add_scatter(
            x=part["band"],
            y=part["error"],
            name=f"ε = {epsilon:.2g}",
            mode="lines+markers",
            line={"color": colours[i % 4], "dash": DASHES[i % 4], "width": 2},
            marker={"size": 8},
        )
    drawn.add_hline(y=0.08, line={"color": QUIET, "width": 1, "dash": "dot"})
    drawn.add_annotation(
        text="8 %", x=1, xref="paper", xanchor="left", y=np.log10(0.08), showarrow=False
    )
    drawn.update_xaxes(title=title, tickangle=30)
    drawn.update_yaxes(title="median size of the error", type="log", tickformat=".2~%", dtick=1)
    return drawn
