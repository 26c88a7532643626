"""Texts continued after a push: how far each step's prediction is from the unpushed text's."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from stability.figures.style import CATEGORIES, DASHES, FLIP_MARKER, figure, log_axis, visible
from stability.geometry.continuation import LEAST_KL, Continuation


def continuations_figure(continuations: Sequence[tuple[str, Continuation]]) -> go.Figure:
    """KL from the unpushed text's prediction (nats, log) over the token written, a line a push.

    `continuations` are named by their push. A mark is at the first token that differs; a divergence
    below `LEAST_KL`, which is rounding, is drawn at that level.
    """
    drawn, drawn_kl = figure(320, hovermode="closest"), [np.array([LEAST_KL])]
    for i, (name, continuation) in enumerate(continuations):
        kl = np.maximum(continuation.kl, LEAST_KL)
        drawn_kl.append(kl)
        tokens = [visible(token.text) for token in continuation.tokens[: len(kl)]]
        drawn.add_scatter(
            x=np.arange(1, len(kl) + 1),
            y=kl,
            name=name.partition(",")[0],
            mode="lines",
            line={
                "color": CATEGORIES[i % len(CATEGORIES)],
                "dash": DASHES[i % len(DASHES)],
                "width": 2,
            },
            customdata=tokens,
            hovertemplate="%{customdata}: %{y:.3g} nats",
        )
        first = continuation.first_difference
        if first is not None and first < len(kl):
            drawn.add_scatter(
                x=[first + 1],
                y=[kl[first]],
                mode="markers",
                marker=FLIP_MARKER,
                showlegend=False,
                # a token may itself be a placeholder of Plotly's
                customdata=[tokens[first]],
                hovertemplate=f"{name}: %{{customdata}} is written instead<extra></extra>",
            )
    drawn.update_xaxes(title="token written")
    drawn.update_yaxes(title="KL from t = 0 (nats)", **log_axis(*drawn_kl))
    return drawn
