"""How far the rows of the unembedding lie from their mean under the prediction.

`μ = Σ p_i w_i` is the mean row and `‖w_i − μ‖` what a token's logit can move against the average one,
at most, for each unit of length. Everything here is centred on the row of the most likely token: where
`p` is nearly one-hot, `w_top − μ` cancels in float32, and the sum over the *other* tokens does not.
Where soft-capping slows each logit by `d_i = f'(z_i)`, the rows are `d_i w_i`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.prediction.premise import require_at_readout, require_linear
from stability.prediction.state import State


def cap_slopes(states: Sequence[State]) -> Float[Tensor, "T V"] | None:
    """`f'(z)` of each state, by which capping slows its logits; None without soft-capping."""
    slopes = [state.cap_slope for state in states if state.cap_slope is not None]
    return torch.stack(slopes) if slopes else None


def top_rows(states: Sequence[State]) -> Float[Tensor, "T d"]:
    """`s·w_top` of each state, slowed by its soft-capping."""
    tops = [state.argmax for state in states]
    rows = states[0].readout.scale * states[0].readout.W_U[tops].double()
    capping = cap_slopes(states)
    return rows if capping is None else rows * capping[range(len(tops)), tops][:, None]


def mean_offsets(states: Sequence[State]) -> Float[Tensor, "T d"]:
    """`s·(μ − w_top)` of each state, summed over the other tokens so that nothing cancels."""
    others = torch.stack([state.probs for state in states])
    tops, capping = [state.argmax for state in states], cap_slopes(states)
    others[range(len(tops)), tops] = 0
    weights = others if capping is None else others * capping
    pulled = states[0].readout.pull_back(weights.T).T
    return pulled - others.sum(dim=1)[:, None] * top_rows(states)


def mean_offset(state: State) -> Float[Tensor, " d"]:
    """`s·(μ − w_top)` of one state."""
    return mean_offsets([state])[0]


def means(states: Sequence[State], offsets: Float[Tensor, "T d"]) -> Float[Tensor, "T d"]:
    """`s·μ` of each state, from its offset."""
    return top_rows(states) + offsets


def weighted_rows(
    state: State,
    tokens: Int[Tensor, " m"],
    weights: Float[Tensor, " m"],
    offset: Float[Tensor, " d"],
) -> Float[Tensor, "m d"]:
    """`√q_i·s(w_i − μ)` of some tokens, with weights `q` and the full `μ`, in the precision of `W_U`.

    With their probabilities as weights, their Gram matrix is these tokens' part of `H`.
    """
    scale, W_U = state.readout.scale, state.readout.W_U
    # a copy, changed in place: memory is what this costs
    rows, top = W_U[tokens], W_U[state.argmax]
    if state.cap_slope is not None:
        rows *= state.cap_slope[tokens].to(W_U)[:, None]
        top = top * state.cap_slope[state.argmax].to(W_U)
    rows -= top
    rows *= scale
    rows -= offset.to(W_U)
    return rows.mul_(weights.sqrt().to(W_U)[:, None])


@dataclass(frozen=True, eq=False)
class RowSpread:
    """How far the unembedding rows lie from their mean under `p`.

    `offset` is `s·(μ − w_top)`, where the mean lies from the row of the likeliest token.
    """

    state: State
    offset: Float[Tensor, " d"]

    @cached_property
    def trace(self) -> float:
        """`tr H = Σ p_i ‖w_i − μ‖² = Σ p_i ‖w_i − w_top‖² − ‖μ − w_top‖²`, without a read of `W_U`.

        The sum over the other tokens follows from the mean, which holds `Σ p_i w_i`.
        """
        top, capping = self.state.argmax, self.state.cap_slope
        others = self.state.probs.clone()
        others[top] = 0
        norms, row = self.state.readout.row_norms_squared, top_rows([self.state])[0]
        norms = norms if capping is None else norms * capping**2
        overlap = row @ (self.offset + others.sum() * row)
        squares = others @ (norms + norms[top]) - 2 * overlap - self.offset.square().sum()
        return max(float(squares), 0.0)

    @cached_property
    def distances(self) -> Float[Tensor, " V"]:
        """`s·‖w_i − μ‖` of every token, in one read of `W_U`; raises StabilityError unless linear."""
        require_linear(self.state)
        return _distances([self.state], self.offset[None])[0]

    @property
    def reach(self) -> float:
        """`ρ = max ‖w_i − μ‖`: no logit moves faster against the average than this."""
        return float(self.distances.max())

    def token_constraint_bound(self, epsilon: float = 1.0) -> float | None:
        """`ε / ‖(diag p − p pᵀ) W_U‖_F = ε / sqrt(Σ p_i² ‖w_i − μ‖²)`.

        An isotropic length that bounds the L2 change of the probabilities: a ranking of states,
        not a distance in nats. None where `H = 0`. Source: Liu et al., arXiv 2602.10816.
        """
        norm = float((self.state.probs * self.distances).norm())
        return epsilon / norm if norm > 0 else None


def row_spread(state: State) -> RowSpread:
    """Find the mean row at one state, in one read of `W_U`; raises StabilityError below `prelogit`."""
    require_at_readout(state)
    return RowSpread(state, mean_offset(state))


def row_spreads(states: Sequence[State]) -> list[RowSpread]:
    """The row spreads of several states, in two reads of `W_U` for all of them.

    With their distances where the logits are linear, the only states that have them.
    """
    require_at_readout(*states)
    offsets = mean_offsets(states)
    spreads = [RowSpread(state, offset) for state, offset in zip(states, offsets, strict=True)]
    if not states[0].is_linear:
        return spreads
    for spread, distances in zip(spreads, _distances(states, offsets), strict=True):
        spread.__dict__["distances"] = distances  # where the cached property keeps it
    return spreads


def _distances(states: Sequence[State], offsets: Float[Tensor, "T d"]) -> list[Float[Tensor, " V"]]:
    """`s·‖w_i − μ‖` of every token at each state, in one read of `W_U`."""
    readout, centres, distances = states[0].readout, means(states, offsets), []
    for state, offset, mean, projections in zip(
        states, offsets, centres, readout.slopes(centres.T).T, strict=True
    ):
        squared = readout.row_norms_squared - 2 * projections + mean.square().sum()
        squared[state.argmax] = offset.square().sum()
        distances.append(squared.clamp_min(0).sqrt())
    return distances
