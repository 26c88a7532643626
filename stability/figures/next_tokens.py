"""The most likely next tokens of a position."""

from collections.abc import Sequence

import plotly.graph_objects as go

from stability.figures.style import ACTUAL, figure, token_axis
from stability.prediction.state import Token


def next_tokens_figure(tokens: Sequence[tuple[Token, float]]) -> go.Figure:
    """Probabilities of the next tokens, the likeliest on top."""
    drawn = figure(240, showlegend=False, margin={"l": 110, "r": 14, "t": 10, "b": 46})
    drawn.add_bar(
        x=[p for _, p in tokens],
        y=[token.index for token, _ in tokens],
        orientation="h",
        marker_color=ACTUAL,
        text=[f"{p:.3g}" for _, p in tokens],
        textposition="outside",
        textfont={"size": 12},
        constraintext="none",
        cliponaxis=False,
        hovertemplate="%{x:.3g}<extra></extra>",
    )
    drawn.update_xaxes(title="probability", range=[0, 1.12 * max(p for _, p in tokens)])
    token_axis(drawn, [token.text for token, _ in tokens])
    return drawn
