"""What a direction means: the tokens it takes probability from and gives it to."""

import plotly.graph_objects as go

from stability.figures.style import ACTUAL, QUIET, figure, token_axis
from stability.rays import Push


def pushes_figure(losing: list[Push], gaining: list[Push]) -> go.Figure:
    """Probability gained per unit length on the + side; on the − side the signs are reversed."""
    pushes = [*gaining, *reversed(losing)]
    drawn = figure(230, showlegend=False, margin={"l": 110, "r": 14, "t": 10, "b": 46})
    drawn.add_bar(
        x=[push.rate for push in pushes],
        y=list(range(len(pushes))),
        orientation="h",
        marker_color=[ACTUAL if push.rate > 0 else QUIET for push in pushes],
        hovertemplate="%{x:.3g} per unit<extra></extra>",
    )
    drawn.update_xaxes(title="probability per unit length, + side")
    token_axis(drawn, [push.text for push in pushes])
    return drawn
