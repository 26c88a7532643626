"""How a state answers to perturbations of any direction: one of them, or all of a prompt's at once.

All positions of a prompt share each read of `W_U`: their logits, their blocks of vectors, their means
and their likeliest rows stand side by side in one product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.head import dominant_block, head_weights
from stability.curvature.row_spread import RowSpread, row_spreads, weighted_rows
from stability.curvature.spectrum import TOLERANCE, Spectrum
from stability.curvature.subspace import RITZ_ROUNDING, eigenvalue_upper_bounds, iterate
from stability.exact import flips, self_concordance
from stability.exact.flips import Flip
from stability.prediction.premise import require_at_readout
from stability.prediction.state import State

POSITIONS_AT_ONCE = 16  # whose blocks are multiplied together
BLOCK = 4  # vectors a position
HEAD_SIZE, HEAD_PASSES = 256, 4  # tokens that start the iteration, and passes over them
MOST_PASSES = 8


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """How one state answers to perturbations of any direction.

    `eigenvalue` is the largest of `H` and `upper` bounds it from above; `entropy` is in nats; `reach`
    is `ρ = max ‖w_i − μ‖`; `rounding` is how far that of the logits may move a radius, as a part of it;
    `token_constraint_bound` is the length of Liu et al. (arXiv 2602.10816), and `nearest_flip` the
    closest argmax change of all directions, both in coordinates. Where the logits are soft-capped only
    `eigenvalue`, `entropy` and `nearest_flip` are known, below `prelogit` the first two, and the rest
    is None.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> sensitivity = stability.sensitivity(state, stability.spectrum(state, k=1))
    >>> sensitivity.nearest_flip.id, round(sensitivity.radius(0.1), 3)
    (1, 0.892)
    """

    eigenvalue: float
    entropy: float
    upper: float | None = None
    reach: float | None = None
    rounding: float = 0.0
    token_constraint_bound: float | None = None
    nearest_flip: Flip | None = None

    def radius(self, epsilon: float) -> float | None:
        """The shortest predicted radius: along the top eigendirection; None where `H = 0`."""
        return fisher.radius(self.eigenvalue, epsilon)

    def certified_ball(self, epsilon: float) -> float | None:
        """Radius within which no direction at all exceeds `ε` nats; None where there is none."""
        if self.upper is None or self.reach is None:
            return None
        return self_concordance.ball(self.reach, self.upper, epsilon, self.rounding)


def sensitivity(state: State, spectrum: Spectrum) -> Sensitivity:
    """How a state of any site answers to perturbations of any direction.

    Args:
        state: a captured vector, at any site.
        spectrum: the eigenpairs of `H` there; one is enough.

    Returns:
        The largest eigenvalue; at `prelogit` the nearest argmax change over all directions; and, where
        logits are linear, the certified ball and the token constraint bound.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> sensitivity = stability.sensitivity(state, stability.spectrum(state, k=1))
    >>> round(sensitivity.certified_ball(0.1), 3), round(sensitivity.nearest_flip.distance, 3)
    (0.758, 1.414)
    """
    eigenvalue, spread = float(spectrum.eigenvalues[0]), spectrum.row_spread
    nearest_flip = flips.nearest(state) if state.is_at_readout else None
    if spread is None or spectrum.upper is None:
        return _uncertified(state, eigenvalue, nearest_flip)
    return _certified(spread, eigenvalue, float(spectrum.upper[0]), nearest_flip)


def _uncertified(state: State, eigenvalue: float, nearest_flip: Flip | None) -> Sensitivity:
    """The sensitivity where logits are not linear."""
    return Sensitivity(eigenvalue=eigenvalue, entropy=state.entropy, nearest_flip=nearest_flip)


def _certified(
    spread: RowSpread, eigenvalue: float, upper: float, nearest_flip: Flip | None
) -> Sensitivity:
    """The sensitivity where logits are linear."""
    state = spread.state
    return Sensitivity(
        eigenvalue=eigenvalue,
        entropy=state.entropy,
        upper=upper,
        reach=spread.reach,
        # logits off by η move KL by 2η of itself at most, and a radius by no more
        rounding=2 * (state.logit_rounding + state.readout.rounding / (spread.reach or 1.0)),
        token_constraint_bound=spread.token_constraint_bound(),
        nearest_flip=nearest_flip,
    )


def token_map(states: Sequence[State]) -> list[Sensitivity]:
    """The sensitivity of every state of a prompt.

    The eigenvalues come from a block iteration of all side by side; passes go on until the
    estimated relative error `‖r‖²/(θ₁(θ₁ − θ_b))` of each is below 1e-4, or end with the eighth.

    Args:
        states: every position's state at `prelogit`: `LanguageModel.capture_all`.

    Returns:
        A sensitivity for each state.

    Raises:
        StabilityError: a state lies below `prelogit`.

    >>> import numpy as np, stability
    >>> states = [stability.bare_state(np.eye(3), np.array([x, 0.0, 0.0])) for x in (0.0, 2.0)]
    >>> [round(sensitivity.radius(0.1), 3) for sensitivity in stability.token_map(states)]
    [0.775, 0.892]
    """
    require_at_readout(*states)
    size = POSITIONS_AT_ONCE
    chunks = [states[i : i + size] for i in range(0, len(states), size)]
    return [entry for chunk in chunks for entry in _sensitivities(_with_logits(chunk))]


def _with_logits(states: Sequence[State]) -> list[State]:
    """Copies of `prelogit` states whose logits come from one read of `W_U`."""
    # results that are computed from the copies are kept with them, not with the originals
    logits = states[0].readout.uncapped(torch.stack([state.vector for state in states]))
    return [state.with_logits(z) for state, z in zip(states, logits, strict=True)]


def _sensitivities(states: Sequence[State]) -> list[Sensitivity]:
    spreads = row_spreads(states)
    eigenvalues, upper = _top_eigenvalues(states, spreads)
    nearest = flips.nearest_each(states)
    if not states[0].is_linear:
        return [*map(_uncertified, states, eigenvalues, nearest)]
    return [*map(_certified, spreads, eigenvalues, upper, nearest)]


def _top_eigenvalues(
    states: Sequence[State], spreads: Sequence[RowSpread]
) -> tuple[list[float], list[float]]:
    """The largest eigenvalue of `H` at each state, and its upper bound."""
    offsets = torch.stack([spread.offset for spread in spreads])
    pairs = iterate(
        lambda blocks: fisher.hvp_batched(states, blocks, offsets),
        _head_blocks(states, offsets),
        1,
        TOLERANCE,
        MOST_PASSES,
    )
    upper = [
        float(eigenvalue_upper_bounds(values, residuals, spread.trace - float(values.sum()))[0])
        * (1 + RITZ_ROUNDING)
        for values, residuals, spread in zip(pairs.values, pairs.residuals, spreads, strict=True)
    ]
    return pairs.values[:, 0].clamp_min(0).tolist(), upper


def _head_blocks(states: Sequence[State], offsets: Float[Tensor, "T d"]) -> Float[Tensor, "T d b"]:
    """Top eigenvectors, nearly, of the part of each `H` that the tokens of most weight make."""
    size = min(HEAD_SIZE, states[0].readout.vocab_size)
    heads = [head_weights(state).topk(size).indices for state in states]
    rows = torch.stack(
        [
            weighted_rows(state, head, state.probs[head], offset)
            for state, head, offset in zip(states, heads, offsets, strict=True)
        ]
    ).double()
    longest = rows[:, :BLOCK].mT
    return dominant_block(lambda blocks: rows.mT @ (rows @ blocks), longest, HEAD_PASSES)
