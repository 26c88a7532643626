"""The truth along the rows that are asked for: boundaries and first changes, on both sides."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.dictionaries.row import DictionaryRow, finite
from stability.errors import StabilityError
from stability.exact.flips import Flip
from stability.geometry.ray import rays
from stability.numerical.crossings import FIRST, Lines
from stability.prediction.state import State
from stability.text import in_nats

ROWS_AT_ONCE = 8
Sides = tuple[Flip | None, Flip | None]


@dataclass(frozen=True, eq=False)
class RowTruth:
    """The truth along `m` directions, on the (minus, plus) side.

    `distances` (m, 2) of the boundary: see `Boundaries`, and its `kinds`; `flips` the first change of
    the most likely token.
    """

    distances: Float[ndarray, "m 2"]
    kinds: ndarray
    flips: tuple[Sides, ...]


def truth(
    state: State,
    directions: Float[Tensor, "m d"],
    curvatures: Float[ndarray, " m"],
    epsilon: float,
    progress: Callable[[float], None],
) -> RowTruth:
    """Return the boundaries at `ε`, and the first changes, along unit vectors.

    Exact where the logits are linear, by running the network elsewhere.

    Args:
        state: from which they lead.
        directions: a unit vector in each row.
        curvatures: `vᵀHv` of each.
        epsilon: nats.
        progress: called with the fraction that is done; what it raises ends the work.

    Returns:
        Both sides of every direction.
    """
    found: list[RowTruth] = []
    for first in range(0, len(directions), ROWS_AT_ONCE):
        progress(first / len(directions))
        rows = slice(first, first + ROWS_AT_ONCE)
        follow = _exact if state.is_linear else _evaluated
        found.append(follow(state, directions[rows], curvatures[rows], np.array([epsilon])))
    return RowTruth(
        np.concatenate([part.distances for part in found]),
        np.concatenate([part.kinds for part in found]),
        tuple(sides for part in found for sides in part.flips),
    )


def followed(
    state: State,
    directions: Float[Tensor, "m d"],
    rows: Sequence[DictionaryRow],
    progress: Callable[[float], None],
) -> tuple[DictionaryRow, ...]:
    """Rows with the truth along the unit vector of each; raises StabilityError unless of one `ε`."""
    budgets = sorted({row.epsilon for row in rows})
    if len(budgets) > 1:
        raise StabilityError(
            f"Rows must have one epsilon to be followed; received rows of {budgets[0]:g} to "
            f"{in_nats(f'{budgets[-1]:g}')}: follow those of each on their own."
        )
    curvatures = np.array([row.curvature for row in rows])
    found = truth(state, directions, curvatures, budgets[0], progress)
    met = zip(rows, found.distances.tolist(), found.kinds.tolist(), found.flips, strict=True)
    return tuple(
        replace(row, boundary=(finite(minus), finite(plus)), kinds=(how[0], how[1]), flips=flips)
        for row, (minus, plus), how, flips in met
    )


def _exact(
    state: State,
    directions: Float[Tensor, "m d"],
    curvatures: Float[ndarray, " m"],
    epsilon: Float[ndarray, " 1"],
) -> RowTruth:
    lines = rays(state, directions)
    met = [line.find(epsilon) for line in lines]
    return RowTruth(
        np.array([each.distances[:, 0] for each in met]),
        np.array([each.kinds[:, 0] for each in met]),
        tuple(_first(*line.flips(1)) for line in lines),
    )


def _evaluated(
    state: State,
    directions: Float[Tensor, "m d"],
    curvatures: Float[ndarray, " m"],
    epsilon: Float[ndarray, " 1"],
) -> RowTruth:
    m = len(directions)
    lines = Lines(state, torch.cat([-directions, directions]).T, np.tile(curvatures, 2))
    samples = lines.sample(min(FIRST, float(epsilon[0])), math.inf)
    met = lines.crossings(epsilon, samples)
    if state.is_at_readout:
        # soft-capping changes no argmax, and what is linear is exact
        flips = tuple(_first(*line.flips(1)) for line in rays(state, directions))
    else:
        ahead = lines.flips(samples, 1)
        flips = tuple(_first(ahead[row], ahead[m + row]) for row in range(m))
    return RowTruth(met.distances.reshape(2, m).T, met.kinds.reshape(2, m).T, flips)


def _first(minus: Sequence[Flip], plus: Sequence[Flip]) -> Sides:
    return (minus[0] if minus else None, plus[0] if plus else None)
