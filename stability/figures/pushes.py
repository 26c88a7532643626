"""What a direction means: the tokens it takes probability from and gives it to."""

import plotly.graph_objects as go

from stability.figures.style import ACTUAL, QUIET, figure, token_axis
from stability.geometry.ray import Push

LEAST_SHARE = 0.01


def pushes_figure(losing: list[Push], gaining: list[Push]) -> go.Figure:
    """Probability gained per unit length on the + side; on the − side the signs are reversed.

    Rates below a hundredth of the greatest would be bars that nobody sees.
    """
    pushes = [*gaining, *reversed(losing)]
    least = LEAST_SHARE * max(abs(push.rate) for push in pushes)
    pushes = [push for push in pushes if abs(push.rate) >= least]
    drawn = figure(230, showlegend=False, margin={"l": 110, "r": 14, "t": 10, "b": 46})
    drawn.add_bar(
        x=[push.rate for push in pushes],
        y=list(range(len(pushes))),
        orientation="h",
        marker_color=[ACTUAL if push.rate > 0 else QUIET for push in pushes],
        hovertemplate="%{x:.3g} per unit<extra></extra>",
    )
    drawn.update_xaxes(title="probability per coordinate unit, + side")
    token_axis(drawn, [push.text for push in pushes])
    return drawn
