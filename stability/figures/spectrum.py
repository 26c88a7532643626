"""The eigenvalues of H as bars on a log axis, the chosen direction highlighted."""

import math
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray

from stability.figures.style import ACTUAL, AXIS_GREY, figure

# a result's type only: spectra bring torch
if TYPE_CHECKING:
    from stability.curvature.spectrum import Spectrum


def spectrum_figure(spectrum: "Spectrum", chosen: int | None) -> go.Figure:
    """Curvature (nats per squared unit length, log) of each eigendirection of `spectrum`, by rank.

    The bar at index `chosen` stands out; a bar can be clicked.
    """
    eigenvalues = spectrum.eigenvalues.cpu().numpy()
    index = np.arange(1, len(eigenvalues) + 1)
    colours = [ACTUAL if i == chosen else AXIS_GREY for i in range(len(index))]
    drawn = figure(200, clickmode="event+select", bargap=0.25, showlegend=False)
    drawn.add_bar(
        x=index,
        y=eigenvalues,
        marker_color=colours,
        customdata=spectrum.share.cpu().numpy(),
        hovertemplate="λ = %{y:.3g}, %{customdata:.1%} of the trace<extra>%{x}</extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    drawn.update_xaxes(title="eigendirection", dtick=1 if len(index) <= 16 else 8)
    drawn.update_yaxes(title="eigenvalue λ (nats/unit²)", type="log", automargin=True)
    drawn.update_yaxes(tickvals=_ticks(eigenvalues), tickformat="~g")
    return drawn


def _ticks(eigenvalues: Float[ndarray, " k"]) -> list[float]:
    """The powers of ten in view, or where there are fewer than two of them the two ends."""
    positive = eigenvalues[eigenvalues > 0]
    if not positive.size:
        return []
    ends = float(positive.min()), float(positive.max())
    low, high = math.ceil(math.log10(ends[0])), math.floor(math.log10(ends[1]))
    step = max(1, (high - low + 1) // 4)
    powers = [10.0**power for power in range(low, high + 1, step)]
    return powers if len(powers) >= 2 else [float(f"{end:.2g}") for end in ends]
