"""How far each step of pushed texts is from the unpushed one."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from stability.figures.style import FLIP, SHARES, figure, visible
from stability.geometry.continuation import LEAST_KL, Continuation

DASHES = ("solid", "dash", "dot", "dashdot")


def writing_figure(texts: Sequence[tuple[str, Continuation]]) -> go.Figure:
    """KL (nats) of each step from the unpushed text's, a line a push; marks: first different token."""
    drawn = figure(320, hovermode="closest")
    for i, (name, text) in enumerate(texts):
        steps = np.arange(1, len(text.kl) + 1)
        tokens = [visible(token.text) for token in text.tokens[: len(steps)]]
        kl = np.maximum(text.kl, LEAST_KL)
        drawn.add_scatter(
            x=steps,
            y=kl,
            name=name,
            mode="lines",
            line={"color": SHARES[i % len(SHARES)], "dash": DASHES[i % len(DASHES)], "width": 2},
            customdata=tokens,
            hovertemplate="%{customdata}: %{y:.3g} nats",
        )
        first = text.first_difference
        if first is not None and first < len(steps):
            drawn.add_scatter(
                x=[steps[first]],
                y=[kl[first]],
                mode="markers",
                marker={"color": FLIP, "symbol": "triangle-up", "size": 12},
                showlegend=False,
                hovertemplate=f"{name}: {tokens[first]} is written instead<extra></extra>",
            )
    drawn.update_xaxes(title="token written")
    drawn.update_yaxes(title="KL from t = 0 (nats)", type="log", dtick=1)
    return drawn
