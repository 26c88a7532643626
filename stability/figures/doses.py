"""Predicted doses of steering vectors against the true ones, and what a rule of thumb costs."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from stability.figures.style import (
    GREEN,
    LEVEL_LINE,
    ON_WHITE,
    PREDICTED_LINE,
    SKY_BLUE,
    TEMPLATE,
    VERMILION,
    log_axis,
)

SITE_COLOURS = (SKY_BLUE, GREEN, VERMILION)
RATIO_TICKS = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)
STATISTIC_TITLES = {
    "last": "last token",
    "mean": "mean over tokens",
    "p95": "95th percentile of tokens",
}
BUDGETS = [0.1, 1.0]


def ratios_figure(cases: pd.DataFrame) -> go.Figure:
    """Predicted over actual dose (log) at every `ε`: a panel for each statistic, a colour a site.

    `cases` are those of `evaluation.dose_scores.dose_cases`. Boxes hold the middle half of them, and
    whiskers reach to those that are not far off; on the dashed orange line the two doses are equal.
    """
    drawn = make_subplots(
        cols=len(STATISTIC_TITLES),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[*STATISTIC_TITLES.values()],
    )
    drawn.update_layout(template=TEMPLATE, width=1200, height=420, boxmode="group", **ON_WHITE)
    drawn.update_layout(margin={"b": 90, "l": 80}, legend={"y": -0.2, "yanchor": "top"})
    for column, statistic in enumerate(STATISTIC_TITLES, start=1):
        for (site, rows), colour in zip(
            cases[cases["statistic"] == statistic].groupby("site", sort=False),
            SITE_COLOURS,
            strict=True,
        ):
            drawn.add_trace(_box(rows, str(site), colour, column == 1), row=1, col=column)
    drawn.add_hline(y=1.0, line=PREDICTED_LINE)
    drawn.update_xaxes(title="ε (nats)", type="category")
    drawn.update_yaxes(type="log", tickvals=RATIO_TICKS, tickformat="~g")
    drawn.update_yaxes(title="predicted over actual dose", row=1, col=1)
    return drawn


def _box(rows: pd.DataFrame, site: str, colour: str, shown: bool) -> go.Box:
    return go.Box(
        x=[f"{epsilon:g}" for epsilon in rows["epsilon"]],
        y=rows["ratio"],
        name=site,
        legendgroup=site,
        showlegend=shown,
        offsetgroup=site,
        marker={"color": colour, "size": 3},
        line={"width": 1.5},
        whiskerwidth=0.5,
    )


def half_figure(rows: pd.DataFrame) -> go.Figure:
    """What a change half as long as the states costs (nats, log), a box for each site and vector.

    `rows` are those of `evaluation.dose_scores.halves`; the dotted lines are budgets.
    """
    drawn = go.Figure(layout={"template": TEMPLATE, "height": 380, "width": 600, **ON_WHITE})
    drawn.update_layout(boxmode="group", margin={"b": 110, "l": 80})
    drawn.update_layout(legend={"y": -0.35, "yanchor": "top"})
    for (vector, part), colour in zip(
        rows.groupby("vector", sort=False), SITE_COLOURS, strict=False
    ):
        name = "contrast vector" if vector == "contrast" else "random vector of the same length"
        drawn.add_box(
            x=part["site"], y=part["half_nats"], name=name, marker={"color": colour, "size": 3}
        )
    for nats in BUDGETS:
        drawn.add_hline(y=nats, line=LEVEL_LINE)
    axis = log_axis([*rows["half_nats"], *BUDGETS])
    drawn.update_yaxes(title="mean KL over tokens (nats)", **axis)
    drawn.update_xaxes(title="block after which it is added")
    return drawn
