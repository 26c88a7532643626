"""The Fisher information of the next token, pulled back to the state: H = Jᵀ(diag p − p pᵀ)J.

At `prelogit` the logits are linear in the state, `J = s·W_U`, and with `μ = Σ p_i w_i`

    H = Σ_i p_i (w_i − μ)(w_i − μ)ᵀ,

the covariance of the unembedding rows under `p`; of the rows `d_i w_i` where soft-capping slows each
logit by `d_i`. Below, `J` goes through the network as well, and `H` is applied by its derivatives.
Everything is centred as in `row_spread`, so that nothing cancels where `p` is nearly one-hot.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.arguments import nats
from stability.curvature.row_spread import cap_slopes, mean_offsets, means
from stability.devices import rows_at_once
from stability.prediction.premise import require_at_readout
from stability.prediction.state import State

ROWS_IN_MEMORY = 16384  # rows of W_U held at a time
ROWS_IN_CACHE = 2048  # rows whose slopes a processor's cache holds
LIKELIEST = 8192  # tokens whose part of the whole matrix is made in float64
DENSE_COLUMNS = 64  # of the whole matrix below the readout, each with a float64 for every token


def radius(curvature: float, epsilon: float) -> float | None:
    """The closed-form stable radius `r = sqrt(2ε / vᵀHv)`, or None where the curvature is zero.

    The length, in units of the state's own coordinates, at which the quadratic `½ r² vᵀHv`
    reaches `ε` nats. A curvature that underflows, below 1e-308, counts as zero: of radii beyond 1e150.
    """
    epsilon = nats(epsilon)
    # each root by itself: the quotient of a denormal curvature would overflow
    return math.sqrt(2 * epsilon) / math.sqrt(curvature) if curvature > 0 else None


def quadratic(curvature: float, t: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """`½ t² vᵀHv`: what the closed form takes the divergence at a distance to be, in nats."""
    return 0.5 * curvature * t**2


def centred_slopes(state: State, directions: Float[Tensor, "d k"]) -> Float[Tensor, "V k"]:
    """`a_c = a − E_p[a]` with `a = J v`: how fast each logit moves against the average one."""
    return centred(state, state.slopes(directions))


def centred(state: State, slopes: Float[Tensor, "V k"]) -> Float[Tensor, "V k"]:
    """Slopes of the logits against the average one, in their own memory."""
    slopes -= slopes[state.argmax].clone()
    slopes -= state.probs @ slopes
    return slopes


def projected_hessian(probs: Any, slopes: Any) -> Any:
    """`VᵀHV = Aᵀ diag(p) A`: the curvature along and between directions, from their centred slopes.

    For arrays and tensors alike: `probs` (V,) and `slopes` (V, k) give (k, k). For one direction it is
    `vᵀHv = E_p[a_c²]`, the variance of the slope under `p`.
    """
    return (slopes * probs[:, None]).T @ slopes


def along(matrix: Float[ndarray, "k k"], directions: Float[ndarray, "n k"]) -> Float[ndarray, " n"]:
    """`dᵀMd` for every row `d`: the curvature along directions of a projected Hessian."""
    return ((directions @ matrix) * directions).sum(axis=1)


def hvp_batched(
    states: Sequence[State], blocks: Float[Tensor, "T d b"], offsets: Float[Tensor, "T d"]
) -> Float[Tensor, "T d b"]:
    """`H V` at each `prelogit` state for its own block, in one read of `W_U` for all together.

    With the mean known, `offsets` from `mean_offsets`, a few rows at a time make their slopes and are
    pulled back while the processor still holds them: `H V = Σ_i p_i (w_i − μ)(w_i − μ)ᵀV`, the term
    of the likeliest token apart, as it would cancel. Soft-capping slows the slopes of each row, and
    what is pulled back of them.
    """
    require_at_readout(*states)
    states[0].pause()
    readout = states[0].readout
    W_U, scale = readout.W_U, readout.scale
    T, d, b = blocks.shape
    tops = torch.tensor([state.argmax for state in states], device=W_U.device)[:, None]
    probs = torch.stack([state.probs for state in states])
    others = probs.scatter(1, tops, 0).to(W_U)
    part = rows_at_once(W_U.device, T * b, ROWS_IN_CACHE * T * b)
    weights = others.T.split(part)
    capping = cap_slopes(states)
    slowing = (None,) * len(weights)
    if capping is not None:
        slowing = capping.to(W_U).T.split(part)
    centres = means(states, offsets)
    levels = torch.einsum("td,tdb->tb", centres, blocks.to(centres)).to(W_U)
    vectors = scale * torch.cat([*blocks], dim=1).to(W_U)
    pulled = torch.zeros(T * b, d, dtype=centres.dtype, device=W_U.device)
    total = torch.zeros(T, b, dtype=centres.dtype, device=W_U.device)
    for rows, p, slowed in zip(readout.in_parts(part), weights, slowing, strict=True):
        slopes = (rows @ vectors).view(-1, T, b)
        if slowed is not None:
            slopes *= slowed[..., None]
        slopes.sub_(levels).mul_(p[..., None])
        total += slopes.sum(dim=0)
        if slowed is not None:
            slopes *= slowed[..., None]
        pulled += _summed_products(slopes.view(-1, T * b), rows)
    top = probs.gather(1, tops) * torch.einsum("td,tdb->tb", offsets, blocks.to(centres))
    image = scale * pulled.view(T, b, d) - total[..., None] * centres[:, None]
    return (image + top[..., None] * offsets[:, None]).mT


def _summed_products(S: Float[Tensor, "n k"], rows: Float[Tensor, "n d"]) -> Float[Tensor, "k d"]:
    """`Sᵀ R`: of more rows than `ROWS_IN_CACHE`, what so many give is added in float64."""
    whole = len(rows) // ROWS_IN_CACHE * ROWS_IN_CACHE
    # twice as fast as its transpose
    if len(rows) <= ROWS_IN_CACHE:
        return S.T @ rows
    left, right = (part[:whole].unflatten(0, (-1, ROWS_IN_CACHE)) for part in (S, rows))
    return (left.mT @ right).sum(dim=0, dtype=torch.float64) + S[whole:].T @ rows[whole:]


def hvp(state: State, directions: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
    """`H V = Jᵀ(diag p − p pᵀ)J V` at any site, without forming `H`, in two reads of `W_U`."""
    return state.pull_back(state.probs[:, None] * centred_slopes(state, directions))


def sketch(state: State, columns: int, seed: int) -> Float[Tensor, "d m"]:
    """Random vectors `c` with `E[c cᵀ] = H`, at any site: `Jᵀ(√p ξ − p Σ√p ξ)` with normal `ξ`.

    They lie where `H` is large, and `E‖c‖² = tr H`.
    """
    draw = torch.Generator().manual_seed(seed)
    normal = torch.randn(len(state.probs), columns, generator=draw, dtype=torch.float64)
    weights = state.probs.sqrt()[:, None] * normal.to(state.probs)
    weights -= state.probs[:, None] * weights.sum(dim=0)
    return state.pull_back(weights)


def dense(state: State) -> Float[Tensor, "d d"]:
    """The whole matrix `H`, float64: the reference for everything faster, 2Vd² operations.

    The rows of the likeliest tokens are multiplied in float64. The others carry so little of `H` that
    float32 is enough for theirs: it errs by some 1e-7 of *their* part.
    """
    if not state.is_linear:
        identity = torch.eye(state.width, dtype=torch.float64, device=state.vector.device)
        H = torch.cat([hvp(state, part) for part in identity.split(DENSE_COLUMNS, dim=1)], dim=1)
        return 0.5 * (H + H.T)
    readout = state.readout
    mean = means([state], mean_offsets([state]))[0]
    likeliest = state.probs.topk(min(LIKELIEST, len(state.probs))).indices.sort().values
    weights = state.probs[likeliest].sqrt()[:, None]
    weighted = (readout.scale * readout.W_U[likeliest].double() - mean) * weights
    H = weighted.T @ weighted
    others = state.probs.index_fill(0, likeliest, 0).to(readout.W_U)
    centre = mean.to(readout.W_U)
    for rows, p in zip(readout.in_parts(ROWS_IN_MEMORY), others.split(ROWS_IN_MEMORY), strict=True):
        state.pause()
        light = (readout.scale * rows - centre) * p.sqrt()[:, None]
        H += (light.T @ light).double()
    return H
