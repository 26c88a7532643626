"""What each token of a prompt is like, from one forward pass.

All positions share each read of `W_U`: their logits, their blocks of vectors, their means and their
likeliest rows stand side by side in one product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.row_spread import RowSpread, row_spreads, weighted_rows
from stability.curvature.spectrum import TOLERANCE
from stability.curvature.subspace import compression_bound, iterate
from stability.exact import flips, self_concordance
from stability.exact.flips import Flip
from stability.prediction.state import State, require_linear, together

AT_ONCE = 16  # positions whose blocks are multiplied together
BLOCK = 4
HEAD, HEAD_PASSES = 256, 4
PASSES = 8


@dataclass(frozen=True)
class Sensitivity:
    """How one position answers to perturbations of any direction.

    `eigenvalue` is the largest of `H` and `upper` bounds it from above; `reach` is
    `ρ = max ‖w_i − μ‖`; `entropy` is in nats.
    """

    eigenvalue: float
    upper: float
    reach: float
    entropy: float
    token_constraint_bound: float | None
    nearest_flip: Flip | None

    def radius(self, epsilon: float) -> float | None:
        """The shortest predicted radius: along the top eigendirection; None where `H = 0`."""
        return fisher.radius(self.eigenvalue, epsilon)

    def certified_ball(self, epsilon: float) -> float | None:
        """Radius within which no direction at all exceeds `ε` nats."""
        return self_concordance.ball(self.reach, self.upper, epsilon)


def token_map(states: Sequence[State]) -> list[Sensitivity]:
    """The sensitivity of every state of a prompt.

    The eigenvalues come from a block iteration of all side by side; passes go on until the
    estimated relative error `‖r‖²/(θ₁(θ₁ − θ_b))` of each is below 1e-4, or end with the eighth.
    Raises StabilityError where the logits are not linear in the state.
    """
    require_linear(*states)
    chunks = [states[i : i + AT_ONCE] for i in range(0, len(states), AT_ONCE)]
    return [found for chunk in chunks for found in _sensitivities(together(chunk))]


def _sensitivities(states: Sequence[State]) -> list[Sensitivity]:
    spreads = row_spreads(states)
    eigenvalues, upper = _top_eigenvalues(states, spreads)
    return [
        Sensitivity(
            value, bound, spread.reach, state.entropy, spread.token_constraint_bound(), flip
        )
        for state, spread, value, bound, flip in zip(
            states, spreads, eigenvalues, upper, flips.nearest_each(states), strict=True
        )
    ]


def _top_eigenvalues(
    states: Sequence[State], spreads: Sequence[RowSpread]
) -> tuple[list[float], list[float]]:
    """The largest eigenvalue of `H` at each state, and its upper bound."""
    offsets = torch.stack([spread.offset for spread in spreads])
    pairs = iterate(
        lambda blocks: fisher.products(states, blocks, offsets),
        _head_blocks(states, offsets),
        1,
        TOLERANCE,
        PASSES,
    )
    upper = [
        float(compression_bound(values, residuals, spread.trace - float(values.sum()))[0])
        for values, residuals, spread in zip(pairs.values, pairs.residuals, spreads, strict=True)
    ]
    return pairs.values[:, 0].clamp_min(0).tolist(), upper


def _head_blocks(states: Sequence[State], offsets: Float[Tensor, "T d"]) -> Float[Tensor, "T d b"]:
    """Top eigenvectors, nearly, of the part of each `H` that the most probable tokens make."""
    rows = torch.stack(
        [
            weighted_rows(state, state.probs.topk(min(HEAD, len(state.probs))).indices, offset)
            for state, offset in zip(states, offsets, strict=True)
        ]
    ).double()
    blocks = rows[:, :BLOCK].mT
    for _ in range(HEAD_PASSES):
        blocks = torch.linalg.qr(rows.mT @ (rows @ blocks)).Q
    return blocks
