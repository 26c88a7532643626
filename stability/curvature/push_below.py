"""The push below the readout that moves the readout's vector as a given push of it would.

What is missing, `r = y(δ) − y(0) − a`, is made least in the metric of the prediction that is wanted:
`½ rᵀH_q r` is, to second order, the divergence from it. Each step of Levenberg and Marquardt solves

    (JᵀH_q J + λI) Δ = −JᵀH_q r

with the whole Jacobian at the present push; of many `λ` the one is taken whose true `r` is least. At
small `λ`, and where `J` is invertible, the first step is the natural gradient, which at most blocks
leaves the range in which it holds; a large `λ` keeps to what the network does not bend.
Sources: Levenberg (1944); Marquardt (1963); Amari (1998).
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature.metric import metric
from stability.prediction.perturbation import displacements
from stability.prediction.state import State

MOST_STEPS = 10
# √λ as parts of the largest singular value of the weighted Jacobian, four a decade
DAMPINGS = tuple(10 ** (-k / 4) for k in range(19))
ENOUGH = 0.003  # of the divergence of the wanted prediction, that may be missing
PROGRESS = 0.9  # of what was missing, above which a step is the last


def push_below(state: State, wanted: Float[Tensor, " D"], nats: float) -> Float[Tensor, " d"]:
    """Look for the push of a state that moves the vector given to the readout by `wanted`.

    Args:
        state: of a site below the readout.
        wanted: how far that vector is to move.
        nats: the divergence of the prediction there.

    Returns:
        The push after which the least is missing, of those that were tried.
    """
    top = state.at_readout()
    goal = top.with_logits(top.uncapped_logits + top.readout.slopes(wanted[:, None])[:, 0])
    root = metric(goal).factor.T
    push = torch.zeros(state.width, dtype=torch.float64, device=state.vector.device)
    missing = root @ wanted
    for step in range(MOST_STEPS):
        here = replace(state, vector=(state.vector + push).to(state.vector))
        tried = push + _steps(here.vjp(root.T).T, missing)
        left = root @ (wanted - displacements(state, tried)).T
        before, squares = float(missing @ missing), left.square().sum(dim=0)
        best = int(squares.argmin())
        # the first is taken in any case: rounding hides how near a push is that hardly moves
        if step and not squares[best] < before:
            break
        push, missing = tried[best], left[:, best]
        if squares[best] <= 2 * ENOUGH * nats or squares[best] > PROGRESS * before:
            break
    return push


def _steps(weighted: Float[Tensor, "D d"], missing: Float[Tensor, " D"]) -> Float[Tensor, "n d"]:
    """`(MᵀM + λI)⁻¹Mᵀr` of a weighted Jacobian `M`, for every `λ`."""
    U, S, Vh = torch.linalg.svd(weighted, full_matrices=False)
    squares = (S[0] * S.new_tensor(DAMPINGS)).square()[:, None]
    parts: Tensor = (S / (S.square() + squares).clamp_min(torch.finfo(S.dtype).tiny)) * (
        U.T @ missing
    )
    return parts @ Vh
