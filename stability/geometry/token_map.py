"""How every state of a prompt answers to perturbations of any direction.

The positions share each read of `W_U`: their logits, their means and their blocks of vectors stand side
by side in one product, as many as memory allows.
"""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.head import (
    dominant_block,
    head_weights,
    norms_outside,
    sample_others,
)
from stability.curvature.row_spread import RowSpread, row_spreads, weighted_rows
from stability.curvature.spectrum import TOLERANCE
from stability.curvature.subspace import (
    RITZ_ROUNDING,
    RitzPairs,
    eigenvalue_upper_bounds,
    rayleigh_ritz,
    resume,
)
from stability.exact import flips
from stability.geometry.sensitivity import Sensitivity, certified, uncertified
from stability.prediction.premise import require_at_readout
from stability.prediction.state import State

# positions side by side, by the numbers that they hold for every token of a vocabulary
FEWEST_AT_ONCE, MOST_AT_ONCE, NUMBERS_AT_ONCE = 16, 48, 5 * 2**19
BLOCK = 3  # vectors a position
HEAD_SIZE, HEAD_PASSES = 256, 3  # tokens that start the iteration, and passes over them
MOST_PASSES = 11


def token_map(states: Sequence[State]) -> list[Sensitivity]:
    """The sensitivity of every state of a prompt.

    The eigenvalues come from a block iteration of many side by side; each goes on until its estimated
    relative error `‖r‖²/(θ₁(θ₁ − θ_b))` is below 1e-4, or ends after a dozen passes.

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
    if not states:
        return []
    require_at_readout(*states)
    size = positions_at_once(states[0].readout.vocab_size)
    parts = [states[start : start + size] for start in range(0, len(states), size)]
    return [entry for part in parts for entry in _sensitivities(_with_logits(part))]


def positions_at_once(vocab_size: int) -> int:
    """How many positions stand side by side in a product with `W_U`."""
    return min(max(NUMBERS_AT_ONCE // vocab_size, FEWEST_AT_ONCE), MOST_AT_ONCE)


def _with_logits(states: Sequence[State]) -> list[State]:
    """Copies of `prelogit` states whose logits come from one read of `W_U`."""
    # results that are computed from the copies are kept with them, not with the originals
    logits = states[0].readout.uncapped(torch.stack([state.vector for state in states]))
    return [state.with_logits(z) for state, z in zip(states, logits, strict=True)]


def _sensitivities(states: Sequence[State]) -> list[Sensitivity]:
    spreads = row_spreads(states)
    eigenvalues, upper = _top_eigenvalues(states, spreads)
    nearest = map(flips.nearest, states)
    if not states[0].is_linear:
        return [*map(uncertified, states, eigenvalues, nearest)]
    return [*map(certified, spreads, eigenvalues, upper, nearest)]


def _top_eigenvalues(
    states: Sequence[State], spreads: Sequence[RowSpread]
) -> tuple[list[float], list[float]]:
    """The largest eigenvalue of `H` at each state, and its upper bound."""
    offsets = torch.stack([spread.offset for spread in spreads])
    heads, blocks = _heads(states, offsets)
    pairs = rayleigh_ritz(blocks, fisher.hvp_batched(states, blocks, offsets), blocks.shape[-1])
    _converge(pairs, states, offsets)
    traces = torch.tensor([spread.trace for spread in spreads]).to(pairs.values)
    rests = torch.minimum(traces - pairs.values.sum(dim=-1), norms_outside(heads, pairs, traces))
    upper = [
        float(eigenvalue_upper_bounds(*bounded)[0]) * (1 + RITZ_ROUNDING)
        for bounded in zip(pairs.values, pairs.residuals, rests.tolist(), strict=True)
    ]
    return pairs.values[:, 0].clamp_min(0).tolist(), upper


def _converge(pairs: RitzPairs, states: Sequence[State], offsets: Float[Tensor, "T d"]) -> None:
    """Go on, in place, where the first pairs err too much: most need one vector more."""
    for columns, passes in ((1, 2), (BLOCK, MOST_PASSES)):
        left = (~pairs.each_within(1, TOLERANCE)).nonzero()[:, 0]
        if not len(left):
            return
        apply = partial(
            fisher.hvp_batched, [states[i] for i in left.tolist()], offsets=offsets[left]
        )
        some = RitzPairs(pairs.values[left], pairs.vectors[left], pairs.residuals[left])
        better = resume(apply, some, columns, 1, TOLERANCE, passes)
        pairs.values[left] = better.values
        pairs.vectors[left] = better.vectors
        pairs.residuals[left] = better.residuals


def _heads(
    states: Sequence[State], offsets: Float[Tensor, "T d"]
) -> tuple[Float[Tensor, "T m d"], Float[Tensor, "T d b"]]:
    """The likeliest tokens of each state, as rows `√p_i (w_i − μ)`, and where its iteration starts."""
    each = [_head(state, offset) for state, offset in zip(states, offsets, strict=True)]
    heads, blocks = zip(*each, strict=True)
    return torch.stack(heads), torch.stack(blocks)


def _head(
    state: State, offset: Float[Tensor, " d"]
) -> tuple[Float[Tensor, "m d"], Float[Tensor, "d b"]]:
    """The rows of one, and nearly the top eigenvectors of what they and a sample of others make."""
    size = min(HEAD_SIZE, state.readout.vocab_size)
    likeliest = head_weights(state).topk(size).indices
    others, weights = sample_others(state, likeliest)
    tokens = torch.cat([likeliest, others])
    rows = weighted_rows(state, tokens, torch.cat([state.probs[likeliest], weights]), offset)
    longest = rows[:BLOCK].mT
    block = dominant_block(lambda block: rows.mT @ (rows @ block), longest, HEAD_PASSES)
    # a copy, or the rows of the others would be kept as well
    return rows[:size].clone(), block
