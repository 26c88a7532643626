"""The most likely next tokens of a position."""

from collections.abc import Sequence

import plotly.graph_objects as go

from stability.figures.style import ACTUAL, BESIDE_TOKENS, figure, token_axis
from stability.prediction.provenance import Token


def next_tokens_figure(tokens: Sequence[tuple[Token, float]]) -> go.Figure:
    """Probabilities (horizontal, no unit) of next tokens (vertical), the likeliest on top.

    `tokens` are those of `State.most_likely`, each with its probability.
    """
    probabilities = [probability for _, probability in tokens]
    drawn = figure(240, showlegend=False, margin=BESIDE_TOKENS)
    drawn.add_bar(
        x=probabilities,
        y=[token.index for token, _ in tokens],
        orientation="h",
        marker_color=ACTUAL,
        text=[f"{probability:.3g}" for probability in probabilities],
        textposition="outside",
        textfont={"size": 12},
        constraintext="none",
        cliponaxis=False,
        hovertemplate="%{x:.3g}<extra></extra>",
    )
    drawn.update_xaxes(title="probability", range=[0, 1.12 * max(probabilities)])
    token_axis(drawn, [token.text for token, _ in tokens])
    return drawn
