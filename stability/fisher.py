"""The Fisher information of the next token, pulled back to the state: H = Jᵀ(diag p − p pᵀ)J.

At `prelogit` the logits are linear in the state, `J = s·W_U`, and with `μ = Σ p_i w_i`

    H = Σ_i p_i (w_i − μ)(w_i − μ)ᵀ,

the covariance of the unembedding rows under `p`. Below, `J` goes through the network as well, and `H`
is applied by its derivatives. Everything here is centred on the row of the most
likely token: where `p` is nearly one-hot, `w_top − μ` cancels in float32, and the sum over the
*other* tokens does not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.prediction import distribution
from stability.prediction.state import State, require_linear

ROWS = 16384  # rows of W_U held at a time
LIKELIEST = 8192  # tokens whose part of the whole matrix is made in float64
CHUNK = 2048  # rows whose slopes a processor's cache holds
COLUMNS = 64  # of the whole matrix below the readout, each with a float64 for every token


def radius(curvature: float, epsilon: float) -> float | None:
    """The closed-form stable radius `r = sqrt(2ε / vᵀHv)`, or None where the curvature is zero.

    The length, in units of the state's own coordinates, at which the quadratic `½ r² vᵀHv`
    reaches `ε` nats.
    """
    distribution.require_nats(epsilon)
    return math.sqrt(2 * epsilon / curvature) if curvature > 0 else None


def quadratic(curvature: float, t: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
    """`½ t² vᵀHv`: what the closed form takes the divergence at a distance to be, in nats."""
    return 0.5 * curvature * t**2


def centred_slopes(state: State, directions: Float[Tensor, "d k"]) -> Float[Tensor, "V k"]:
    """`a_c = a − E_p[a]` with `a = J v`: how fast each logit moves against the average one."""
    slopes = state.slopes(directions)
    slopes -= slopes[state.argmax].clone()
    slopes -= state.probs @ slopes
    return slopes


def products(
    states: Sequence[State], blocks: Float[Tensor, "T d b"], offsets: Float[Tensor, "T d"]
) -> Float[Tensor, "T d b"]:
    """`H V` at each `prelogit` state for its own block, in one read of `W_U` for all together.

    With the mean known, `offsets` from `mean_offsets`, a few rows at a time make their slopes and are
    pulled back while the processor still holds them: `H V = Σ_i p_i (w_i − μ)(w_i − μ)ᵀV`, the term
    of the likeliest token apart, as it would cancel.
    """
    require_linear(*states)
    readout = states[0].readout
    W_U, scale = readout.W_U, readout.scale
    T, d, b = blocks.shape
    tops = torch.tensor([state.argmax for state in states], device=W_U.device)[:, None]
    probs = torch.stack([state.probs for state in states])
    others = probs.scatter(1, tops, 0).to(W_U)
    centres = means(states, offsets)
    levels = torch.einsum("td,tdb->tb", centres, blocks.to(centres)).to(W_U)
    vectors = scale * torch.cat([*blocks], dim=1).to(W_U)
    pulled = torch.zeros(d, T * b, dtype=centres.dtype, device=W_U.device)
    total = torch.zeros(T, b, dtype=centres.dtype, device=W_U.device)
    for rows, p in zip(readout.in_parts(CHUNK), others.T.split(CHUNK), strict=True):
        slopes = (rows @ vectors).view(-1, T, b).sub_(levels).mul_(p[..., None])
        pulled += rows.T @ slopes.view(-1, T * b)
        total += slopes.sum(dim=0)
    top = probs.gather(1, tops) * torch.einsum("td,tdb->tb", offsets, blocks.to(centres))
    image = scale * pulled.T.view(T, b, d) - total[..., None] * centres[:, None]
    return (image + top[..., None] * offsets[:, None]).mT


def product(state: State, directions: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
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


def dense(state: State) -> Float[Tensor, "d d"]:
    """The whole matrix `H`, float64: the reference for everything faster, 2Vd² operations.

    The rows of the likeliest tokens are multiplied in float64. The others carry so little of `H` that
    float32 is enough for theirs: it errs by some 1e-7 of *their* part.
    """
    if not state.is_linear:
        identity = torch.eye(state.width, dtype=torch.float64, device=state.vector.device)
        H = torch.cat([product(state, part) for part in identity.split(COLUMNS, dim=1)], dim=1)
        return 0.5 * (H + H.T)
    readout = state.readout
    mean = means([state], mean_offsets([state]))[0]
    likeliest = state.probs.topk(min(LIKELIEST, len(state.probs))).indices.sort().values
    weights = state.probs[likeliest].sqrt()[:, None]
    weighted = (readout.scale * readout.W_U[likeliest].double() - mean) * weights
    H = weighted.T @ weighted
    others = state.probs.index_fill(0, likeliest, 0).to(readout.W_U)
    centre = mean.to(readout.W_U)
    for rows, p in zip(readout.in_parts(ROWS), others.split(ROWS), strict=True):
        light = (readout.scale * rows - centre) * p.sqrt()[:, None]
        H += (light.T @ light).double()
    return H


@dataclass(frozen=True, eq=False)
class Spread:
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


def spread(state: State) -> Spread:
    """Where the mean row lies at one state, in one read of `W_U`."""
    require_linear(state)
    return Spread(state, mean_offset(state))


def spreads(states: Sequence[State]) -> list[Spread]:
    """Those of several states with their distances, in two reads of `W_U` for all of them."""
    require_linear(*states)
    offsets = mean_offsets(states)
    found = [Spread(*one) for one in zip(states, offsets, strict=True)]
    for one, distances in zip(found, _distances(states, offsets), strict=True):
        one.__dict__["distances"] = distances  # where the cached property keeps it
    return found


def _distances(states: Sequence[State], offsets: Float[Tensor, "T d"]) -> list[Float[Tensor, " V"]]:
    """`s·‖w_i − μ‖` of every token at each state, in one read of `W_U`."""
    readout, centres, found = states[0].readout, means(states, offsets), []
    for state, offset, mean, projections in zip(
        states, offsets, centres, readout.slopes(centres.T).T, strict=True
    ):
        squared = readout.row_norms_squared - 2 * projections + mean.square().sum()
        squared[state.argmax] = offset.square().sum()
        found.append(squared.clamp_min(0).sqrt())
    return found
