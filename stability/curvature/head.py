"""The part of H that the most probable tokens make: where the iteration for the whole of H starts.

It is a small matrix, `G = Σ_head p_i (w_i − μ)(w_i − μ)ᵀ`, with the full `p` and the full `μ`, so that
what it leaves out is positive semi-definite: `G ≤ H ≤ G + tr(tail)·I`.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.prediction.state import State

MASS, FEWEST_TOKENS, MOST_TOKENS = 0.998, 1024, 4096  # share of all weight, and number of tokens
HEAD_PASSES = 8


def head_weights(state: State) -> Float[Tensor, " V"]:
    """`p`, or `p·f'(z)²` where soft-capping slows the logits: what a token's row counts in `H`."""
    return state.probs if state.cap_slope is None else state.probs * state.cap_slope**2


def head_tokens(weights: Float[Tensor, " V"]) -> Int[Tensor, " m"]:
    """The tokens of most weight, enough of them to carry `MASS` of it within fixed limits."""
    most = weights.topk(min(MOST_TOKENS, len(weights)))
    needed = int((most.values.cumsum(0) < MASS * weights.sum()).sum()) + 1
    return most.indices[: max(needed, FEWEST_TOKENS)]


def head_block(gram: Float[Tensor, "d d"], b: int) -> Float[Tensor, "d b"]:
    """Top eigenvectors of the head, nearly: from its longest columns by block iteration."""
    longest = gram[:, gram.diagonal().topk(b).indices]
    return dominant_block(lambda block: gram @ block, longest, HEAD_PASSES)


def dominant_block(
    apply: Callable[[Tensor], Tensor], block: Float[Tensor, "*T d b"], passes: int
) -> Float[Tensor, "*T d c"]:
    """An orthonormal block near the top eigenvectors of the operator `apply`, in float64.

    It has no more columns than the space has dimensions.
    """
    for _ in range(passes):
        block = apply(torch.linalg.qr(block).Q)
    return torch.linalg.qr(block.double()).Q


def norm_outside(gram: Float[Tensor, "d d"], vectors: Float[Tensor, "d b"]) -> float:
    """`‖(I − QQᵀ) G (I − QQᵀ)‖_F`: no eigenvalue of the head outside of `Q` exceeds it."""
    left = gram.double() - vectors @ (vectors.T @ gram.double())
    return float((left - (left @ vectors) @ vectors.T).norm())
