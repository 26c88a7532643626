"""The meaning of a direction: the tokens it takes probability from and gives it to."""

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from stability.figures.style import ACTUAL, AXIS_GREY, BESIDE_TOKENS, figure, token_axis

# a result's type only: rays bring torch
if TYPE_CHECKING:
    from stability.geometry.push import Push

# of the greatest rate; shorter bars could not be seen
LEAST_RATE = 0.01


def pushes_figure(losing: "list[Push]", gaining: "list[Push]") -> go.Figure:
    """Probability gained per unit length on the + side (horizontal), a bar a token.

    `losing` and `gaining` are those of `Ray.pushed`. On the − side the signs are reversed. Rates below
    a hundredth of the greatest are left out.
    """
    pushes = [*gaining, *reversed(losing)]
    least = LEAST_RATE * max(abs(push.rate) for push in pushes)
    pushes = [push for push in pushes if abs(push.rate) >= least]
    drawn = figure(230, showlegend=False, margin=BESIDE_TOKENS)
    drawn.add_bar(
        x=[push.rate for push in pushes],
        y=list(range(len(pushes))),
        orientation="h",
        marker_color=[ACTUAL if push.rate > 0 else AXIS_GREY for push in pushes],
        hovertemplate="%{x:.3g} per unit<extra></extra>",
    )
    drawn.update_xaxes(title="probability per coordinate unit, + side")
    token_axis(drawn, [push.text for push in pushes])
    return drawn
