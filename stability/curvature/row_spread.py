"""How far the rows of the unembedding lie from their mean under the prediction.

`μ = Σ p_i w_i` is the mean row and `‖w_i − μ‖` what a token's logit can move against the average one,
at most, for each unit of length. Everything here is centred on the row of the most likely token: where
`p` is nearly one-hot, `w_top − μ` cancels in float32, and the sum over the *other* tokens does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.prediction.state import State, require_linear


def mean_offsets(states: Sequence[State]) -> Float[Tensor, "T d"]:
    """`s·(μ − w_top)` of each state, summed over the other tokens so that nothing cancels."""
    readout = states[0].readout
    others = torch.stack([state.probs for state in states], dim=1)
    tops = [state.argmax for state in states]
    others[tops, range(len(tops))] = 0
    rows = readout.scale * readout.W_U[tops].double()
    return readout.pull_back(others).T - others.sum(dim=0)[:, None] * rows


def mean_offset(state: State) -> Float[Tensor, " d"]:
    """`s·(μ − w_top)` of one state."""
    return mean_offsets([state])[0]


def means(states: Sequence[State], offsets: Float[Tensor, "T d"]) -> Float[Tensor, "T d"]:
    """`s·μ` of each state, from its offset."""
    readout = states[0].readout
    return readout.scale * readout.W_U[[state.argmax for state in states]].double() + offsets


def weighted_rows(
    state: State, tokens: Int[Tensor, " m"], offset: Float[Tensor, " d"]
) -> Float[Tensor, "m d"]:
    """`√p_i·s(w_i − μ)` of some tokens, with the full `p` and `μ`, in the precision of `W_U`.

    Their Gram matrix is these tokens' part of `H`.
    """
    scale, W_U = state.readout.scale, state.readout.W_U
    rows = W_U[tokens]  # a copy, changed in place: memory is what this costs
    rows -= W_U[state.argmax]
    rows *= scale
    rows -= offset.to(W_U)
    return rows.mul_(state.probs[tokens].sqrt().to(W_U)[:, None])


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
        readout, top = self.state.readout, self.state.argmax
        others = self.state.probs.clone()
        others[top] = 0
        norms = readout.row_norms_squared
        row = readout.scale * readout.W_U[top].double()
        overlap = row @ (self.offset + others.sum() * row)
        squares = others @ (norms + norms[top]) - 2 * overlap - self.offset.square().sum()
        return max(float(squares), 0.0)

    @cached_property
    def distances(self) -> Float[Tensor, " V"]:
        """`s·‖w_i − μ‖` of every token, in one read of `W_U`."""
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
    """Find the mean row at one state, in one read of `W_U`; raises StabilityError unless linear."""
    require_linear(state)
    return RowSpread(state, mean_offset(state))


def row_spreads(states: Sequence[State]) -> list[RowSpread]:
    """The row spreads of several states with their distances, in two reads of `W_U` for all of them."""
    require_linear(*states)
    offsets = mean_offsets(states)
    spreads = [RowSpread(state, offset) for state, offset in zip(states, offsets, strict=True)]
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
