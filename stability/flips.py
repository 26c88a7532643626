"""Where the most likely token changes: the geometry of the argmax.

Along a ray the logits are straight lines `z_i + t a_i`, and the argmax is their upper envelope.
Soft-capping is monotone and changes no argmax, so everything here is in uncapped logits. Ties go to
the lowest token id.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from stability import fisher
from stability.state import State


@dataclass(frozen=True)
class Flip:
    """The token that takes over at a distance from the state, in the state's own coordinates."""

    distance: float
    id: int
    text: str


def envelope(
    logits: Float[ndarray, " V"], slopes: Float[ndarray, " V"], start: int, limit: int
) -> list[tuple[float, int]]:
    """Winners of `z + t·a` for growing `t ≥ 0` after `start`, as `(t, token)`, at most `limit`.

    From the current winner `c` the next takes over at `min (z_c − z_j)/(a_j − a_c)` over the
    steeper lines; of several that cross there, the steepest goes on winning.
    """
    winners: list[tuple[float, int]] = []
    current, t = start, 0.0
    while len(winners) < limit:
        steeper = np.flatnonzero(slopes > slopes[current])
        if not steeper.size:
            break
        crossing = (logits[current] - logits[steeper]) / (slopes[steeper] - slopes[current])
        t = max(t, crossing.min())
        tied = steeper[crossing <= t]
        current = int(tied[slopes[tied].argmax()])
        winners.append((float(t), current))
    return winners


def along(state: State, slopes: Float[ndarray, " V"], limit: int) -> list[Flip]:
    """The argmax changes on the side of growing `t`, in order."""
    winners = envelope(state.uncapped_logits.cpu().numpy(), slopes, state.argmax, limit)
    return [Flip(t, token, state.text(token)) for t, token in winners]


def nearest(state: State) -> Flip | None:
    """The closest argmax change over *all* directions: `min_j (z_top − z_j)/(s·‖w_top − w_j‖)`.

    It lies along `w_j − w_top`. None where no other token can take over (identical rows).
    """
    fisher.require_linear(state)
    readout, top = state.readout, state.argmax
    gap = state.uncapped_logits[top] - state.uncapped_logits
    top_row = readout.W_U[top]
    overlap = readout.scale * readout.slopes(top_row[:, None])[:, 0]
    squared = readout.row_norms_squared[top] + readout.row_norms_squared - 2 * overlap
    # the expanded square cancels for nearly equal rows, so the leaders are measured again
    norm_squared = float(readout.row_norms_squared[top])
    rough = gap / squared.clamp_min(1e-12 * norm_squared).sqrt()
    close = (squared <= 1e-5 * norm_squared).nonzero()[:, 0]
    rough[close[(readout.W_U[close] == top_row).all(dim=1)]] = torch.inf  # copies never win
    leaders = rough.topk(min(64, len(rough) - 1), largest=False).indices.sort().values
    rows = readout.W_U[leaders].double() - top_row.double()
    distance = gap[leaders] / (readout.scale * rows.norm(dim=1))
    best = int(distance.nan_to_num(nan=torch.inf).argmin())
    if not distance[best].isfinite():
        return None
    token = int(leaders[best])
    return Flip(float(distance[best]), token, state.text(token))
