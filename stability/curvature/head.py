"""Where the iteration for the whole of H starts: its likeliest tokens, and a sample of the others.

The tokens of most weight make a small matrix, `G = Σ_head p_i (w_i − μ)(w_i − μ)ᵀ`, with the full `p`
and the full `μ`, so that what it leaves out is positive semi-definite: `G ≤ H ≤ G + tr(tail)·I`. Where
the prediction is open, what it leaves out is many tokens, each of little weight. An even sample of them
stands for all: near enough to start from, and no bound rests on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.curvature.row_spread import RowSpread, weighted_rows
from stability.curvature.subspace import RITZ_ROUNDING, RitzPairs, nearly_orthonormal
from stability.prediction.state import State

MASS, FEWEST_TOKENS, MOST_TOKENS = 0.95, 1024, 3072  # share of weight, and number of tokens
HEAD_PASSES, PASSES_TOGETHER = 12, 2  # and how many without making the block orthonormal


def head_weights(state: State) -> Float[Tensor, " V"]:
    """`p`, or `p·f'(z)²` where soft-capping slows the logits: what a token's row counts in `H`."""
    return state.probs if state.cap_slope is None else state.probs * state.cap_slope**2


def head_tokens(weights: Float[Tensor, " V"]) -> Int[Tensor, " m"]:
    """The tokens of most weight: enough, within limits, for `MASS` of what the first leaves."""
    most = weights.topk(min(MOST_TOKENS, len(weights)))
    left = weights.sum() - most.values.cumsum(0)
    needed = int((left > (1 - MASS) * left[0]).sum()) + 1
    return most.indices[: max(needed, FEWEST_TOKENS)]


@dataclass(frozen=True, eq=False)
class Head:
    """The tokens of most weight at a `prelogit` state, and the part of `H` that they make."""

    spread: RowSpread

    @cached_property
    def tokens(self) -> Int[Tensor, " m"]:
        """Which they are."""
        return head_tokens(head_weights(self.spread.state))

    @cached_property
    def rows(self) -> Float[Tensor, "m d"]:
        """`√p_i (w_i − μ)` of each."""
        state = self.spread.state
        return weighted_rows(state, self.tokens, state.probs[self.tokens], self.spread.offset)

    @cached_property
    def gram(self) -> Float[Tensor, "d d"]:
        """`G`, their part of `H`."""
        return self.rows.T @ self.rows

    def norm_outside(self, pairs: RitzPairs) -> float:
        """A bound of `H` outside of Ritz vectors `Q`, from what its trace leaves there.

        `(I − QQᵀ) H (I − QQᵀ)` has the trace `tr H − Σθ`. The head's part of it has its own trace, but
        no eigenvalue above its Frobenius norm; of the rest no more than its trace is known.
        """
        gram, Q = self.gram.double(), pairs.vectors
        image = gram @ Q
        held = Q.T @ image
        trace = gram.trace() - held.trace()
        squared = gram.square().sum() - 2 * image.square().sum() + held.square().sum()
        rest = (1 + RITZ_ROUNDING) * self.spread.trace - float(pairs.values.sum())
        return rest - float(trace - squared.clamp_min(0).sqrt())

    def start(self, b: int) -> Float[Tensor, "d b"]:
        """Top eigenvectors of `H`, nearly: from the longest columns of its estimate."""
        estimate = self._estimate()
        longest = estimate[:, estimate.diagonal().topk(b).indices]
        return dominant_block(lambda block: estimate @ block, longest, HEAD_PASSES)

    def _estimate(self) -> Float[Tensor, "d d"]:
        """`H`, nearly: `G`, and of the other tokens their mean and the covariance of a sample."""
        state, held = self.spread.state, float(self.gram.diagonal().double().sum())
        if held >= (1 - RITZ_ROUNDING) * self.spread.trace:
            return self.gram
        others, weights = sample_others(state, self.tokens)
        rows, roots = weighted_rows(state, others, weights, self.spread.offset), weights.sqrt()
        sampled = roots.to(rows) @ rows
        # as `Σ p_i (w_i − μ) = 0`, the head says where the mean of the others lies
        mean = state.probs[self.tokens].sqrt().to(rows) @ self.rows
        left = float(state.probs.index_fill(0, self.tokens, 0.0).sum())
        exchanged = mean.outer(mean / left) - sampled.outer(sampled / float(weights.sum()))
        return self.gram + rows.T @ rows + exchanged


def sample_others(
    state: State, tokens: Int[Tensor, " m"]
) -> tuple[Int[Tensor, " m"], Float[Tensor, " m"]]:
    """As many of the other tokens, evenly spaced by weight, and the probability each stands for."""
    weights = head_weights(state)
    reached = weights.index_fill(0, tokens, 0.0).cumsum(0)
    step = reached[-1] / len(tokens)
    marks = step * (torch.arange(len(tokens), device=weights.device) + 0.5)
    # the last sum may be below a mark by rounding
    others = torch.searchsorted(reached, marks).clamp_max(len(weights) - 1)
    # a weight is a probability, but for capping, and underflows where there are no others
    return others, (step * state.probs[others] / weights[others]).nan_to_num(0.0)


def norms_outside(
    rows: Float[Tensor, "*T m d"], pairs: RitzPairs, traces: Float[Tensor, "*T"]
) -> Float[Tensor, "*T"]:
    """`Head.norm_outside` of several operators, from fewer rows than the space has dimensions.

    `(I − QQᵀ) G (I − QQᵀ)` has the eigenvalues of the Gram matrix of its rows, which is smaller.
    """
    within = rows @ pairs.vectors.to(rows)
    gram = (rows @ rows.mT - within @ within.mT).double()
    known = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1) - gram.norm(dim=(-2, -1))
    return (1 + RITZ_ROUNDING) * traces - pairs.values.sum(dim=-1) - known


def dominant_block(
    apply: Callable[[Tensor], Tensor], block: Float[Tensor, "*T d b"], passes: int
) -> Float[Tensor, "*T d c"]:
    """An orthonormal block near the top eigenvectors of the operator `apply`, in float64.

    It has no more columns than the space has dimensions.
    """
    for done in range(passes):
        block = apply(block if done % PASSES_TOGETHER else nearly_orthonormal(block))
    return torch.linalg.qr(block.double()).Q
