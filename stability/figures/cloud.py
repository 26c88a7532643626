"""The stable region as a cloud of perturbations, projected to two axes."""

import numpy as np
import plotly.graph_objects as go

from stability.figures.style import ABOVE_COLOUR_BAR, KL_SCALE, colour_bar, figure, visible
from stability.views.cloud import CloudView

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross")
CEILING = 4.0


def cloud_figure(view: CloudView) -> go.Figure:
    """Each point a perturbation, coloured by KL/ε, its shape the most likely token there."""
    cloud = view.cloud
    drawn = figure(560, margin=ABOVE_COLOUR_BAR, hovermode="closest", showlegend=True)
    tokens, counts = np.unique(cloud.argmax, return_counts=True)
    leaders = tokens[np.argsort(-counts, kind="stable")][: len(SYMBOLS) - 1]
    groups = [
        (cloud.argmax == token, symbol) for token, symbol in zip(leaders, SYMBOLS, strict=False)
    ]
    groups.append((~np.isin(cloud.argmax, leaders), SYMBOLS[-1]))
    for members, symbol in groups:
        if not members.any():
            continue
        names = [view.texts[i] for i in np.flatnonzero(members)]
        drawn.add_scattergl(
            x=view.points[members, 0].astype(np.float32),
            y=view.points[members, 1].astype(np.float32),
            mode="markers",
            name=visible(names[0]) if symbol != SYMBOLS[-1] else "other tokens",
            marker={
                "symbol": symbol,
                "size": 8,
                "color": (cloud.kl[members] / cloud.epsilon).astype(np.float32),
                "coloraxis": "coloraxis",
                "line": {"width": 0.5, "color": "rgba(128,128,128,0.8)"},
            },
            customdata=np.stack([cloud.kl[members]], axis=1),
            text=[visible(name) for name in names],
            hovertemplate="%{text}<br>KL %{customdata[0]:.3g} nats<extra></extra>",
        )
    unit = view.unit.name if view.unit else "no unit"
    drawn.update_layout(
        coloraxis={
            "colorscale": KL_SCALE,
            "cmin": 0,
            "cmax": CEILING,
            "colorbar": colour_bar("KL / ε"),
        }
    )
    drawn.update_xaxes(title=f"{view.method} 1 ({unit})", constrain="domain")
    drawn.update_yaxes(title=f"{view.method} 2 ({unit})", scaleanchor="x", constrain="domain")
    return drawn
