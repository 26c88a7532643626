"""Where the most likely token changes: the geometry of the argmax.

Along a ray the logits are straight lines `z_i + t a_i`, and the argmax is their upper envelope.
Soft-capping is monotone and changes no argmax, so everything here is in uncapped logits. Ties go to
the lowest token id.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.prediction.premise import require_at_readout
from stability.prediction.state import State

INTERVALS = 128  # of slopes, in which those that may win are told apart
# tokens whose distance is measured, and how many times as many next
FIRST_MEASURED, GROWTH = 32, 16
AT_ONCE = 4096  # rows held in float64
ROUGH = 1 + 1e-4  # beyond what rounding makes of the lengths of rows


@dataclass(frozen=True)
class Flip:
    """The token that takes over at a distance from the state.

    Attributes:
        distance: a length in the state's own coordinates.
        id: that of the token which is the most likely from there on.
        text: its characters.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> minus, plus = stability.ray(state, np.array([1.0, 0.0, 0.0])).flips()
    >>> minus, plus  # ties go to the lowest id
    ([Flip(distance=2.0, id=1, text='<1>')], [])
    """

    distance: float
    id: int
    text: str


def envelope(
    logits: Float[ndarray, " V"],
    slopes: Float[ndarray, " V"],
    start: int,
    limit: int,
    are_twins: Callable[[int, int], bool] = lambda winner, other: False,
) -> list[tuple[float, int]]:
    """Winners of `z + t·a` for growing `t ≥ 0` after `start`, as `(t, token)`, at most `limit`.

    From the current winner `c` the next takes over at `min (z_c − z_j)/(a_j − a_c)` over the
    steeper lines; of several that cross there, the steepest goes on winning. One with the row of
    the winner is no steeper, whatever rounding says.
    """
    slopes = slopes.copy()
    winners: list[tuple[float, int]] = []
    current, t = start, 0.0
    while len(winners) < limit:
        steeper = np.flatnonzero(slopes > slopes[current])
        if not steeper.size:
            break
        crossing = (logits[current] - logits[steeper]) / (slopes[steeper] - slopes[current])
        reached = max(t, crossing.min())
        tied = steeper[crossing <= reached]
        following = int(tied[slopes[tied].argmax()])
        if are_twins(current, following):
            slopes[following] = slopes[current]
            continue
        current, t = following, reached
        winners.append((float(t), current))
    return winners


def along(state: State, slopes: Float[Tensor, " V"], limit: int) -> tuple[list[Flip], list[Flip]]:
    """The argmax changes on the minus and on the plus side, in order, by slopes before capping."""
    ids, logits, slopes_of_few = _able(state.uncapped_logits, slopes)
    W_U, start = state.readout.W_U, int(np.searchsorted(ids, state.argmax))

    def are_twins(winner: int, other: int) -> bool:
        return torch.equal(W_U[ids[winner]], W_U[ids[other]])

    minus, plus = (
        [
            Flip(t, int(ids[i]), state.text(int(ids[i])))
            for t, i in envelope(logits, sign * slopes_of_few, start, limit, are_twins)
        ]
        for sign in (-1, 1)
    )
    return minus, plus


def _able(
    logits: Float[Tensor, " V"], slopes: Float[Tensor, " V"]
) -> tuple[Int[ndarray, " m"], Float[ndarray, " m"], Float[ndarray, " m"]]:
    """The tokens that may win anywhere on the line, by growing id, with their logits and slopes.

    One does only if no steeper one has a larger logit. Steeper are those of the intervals beyond its
    own; what its own hold apart is left to the envelope.
    """
    low, high = slopes.aminmax()
    width = (high - low) / INTERVALS
    index = ((slopes - low) / width.where(width > 0, 1.0)).long().clamp_max_(INTERVALS - 1)
    largest = logits.new_full((INTERVALS,), -torch.inf).scatter_reduce_(0, index, logits, "amax")
    edge = largest.new_full((1,), -torch.inf)
    steeper = torch.cat([largest.flip(0).cummax(0).values.flip(0)[1:], edge])
    less_steep = torch.cat([edge, largest.cummax(0).values[:-1]])
    # on either side of the state the lines beyond on that side are steeper
    able = (logits >= torch.minimum(steeper, less_steep)[index]).nonzero()[:, 0]
    few = torch.stack([able.double(), logits[able], slopes[able]]).cpu().numpy()
    return few[0].astype(int), few[1], few[2]


def nearest(state: State) -> Flip | None:
    """The closest argmax change over *all* directions: `min_j (z_top − z_j)/(s·‖w_top − w_j‖)`.

    It lies along `w_j − w_top`. None where no other token can take over (identical rows). As no row is
    farther from another than the sum of their lengths, few tokens come near enough to be measured.
    """
    require_at_readout(state)
    readout, top = state.readout, state.argmax
    gap, norms = state.uncapped_logits[top] - state.uncapped_logits, readout.row_norms
    least = gap / (ROUGH * (norms + norms[top]))
    least[top] = torch.inf
    measured = FIRST_MEASURED
    while True:
        candidates = least.topk(min(measured, len(least)), largest=False)
        # in the order of ids, so that ties go to the lowest
        tokens = candidates.indices.sort().values
        lengths = readout.scale * _distances_to(readout.W_U, tokens, top)
        distances = (gap[tokens] / lengths).where(lengths > 0, torch.inf)
        best = int(distances.argmin())
        if measured >= len(least) or distances[best] < candidates.values[-1]:
            break
        measured *= GROWTH
    if not distances[best].isfinite():
        return None
    token = int(tokens[best])
    return Flip(float(distances[best]), token, state.text(token))


def _distances_to(
    W_U: Float[Tensor, "V d"], tokens: Int[Tensor, " n"], top: int
) -> Float[Tensor, " n"]:
    """`‖w_j − w_top‖` in float64, where nearly equal rows do not cancel."""
    row = W_U[top].double()
    parts = [(W_U[part].double() - row).norm(dim=1) for part in tokens.split(AT_ONCE)]
    return torch.cat(parts)
