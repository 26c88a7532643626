"""The eigenvectors of H: the directions in which the prediction is most, and least, sensitive.

At `prelogit` the most probable tokens carry nearly all of `H`. Their part is a small matrix, whose
eigenvectors start a block subspace iteration with the full `W_U`; a Rayleigh–Ritz step ends each pass.
What the head leaves out is positive semi-definite, so every step comes with a rigorous enclosure.
Below, the eigenpairs at the readout, pulled back through the network, start the same iteration.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability import fisher
from stability.errors import StabilityError
from stability.prediction.state import State

HEAD_MASS, HEAD_LEAST, HEAD_MOST = 0.998, 1024, 4096
GUARD = 8  # extra vectors in the block: they speed up the last ones asked for
TOLERANCE = 1e-4
LEADING, LOOSER = 8, 5  # beyond the leading pairs, errors may be so many times the tolerance
HEAD_PASSES, PASSES = 8, 12
FACTOR, ROUGH = (
    48,
    1e-2,
)  # eigenpairs at the readout that start the iteration below it, and their tolerance
PROBES = 16  # sketches that estimate a trace
ROUNDING = 1e-6  # relative error of a Ritz value from float32 products; 2e-7 was measured


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The `k` leading eigenpairs of `H`, in descending order.

    `eigenvalues` are Ritz values, which never exceed the true ones; `residuals` are `‖H v − λ v‖`; the
    largest component of each vector is positive. `trace` is `tr H`, the sum of *all* eigenvalues, and
    `trace_error` its standard error where it is an estimate. Where the logits are linear, `upper`
    bounds the true eigenvalues from above, and `spread` tells how far the rows of `W_U` lie apart.
    """

    eigenvalues: Float[Tensor, " k"]
    vectors: Float[Tensor, "d k"] = field(repr=False)
    residuals: Float[Tensor, " k"] = field(repr=False)
    trace: float
    trace_error: float = 0.0
    upper: Float[Tensor, " k"] | None = field(default=None, repr=False)
    spread: fisher.Spread | None = field(default=None, repr=False)

    @property
    def share(self) -> Float[Tensor, " k"]:
        """Each eigenvalue's part of the trace; zeros where `H = 0`."""
        return self.eigenvalues / (self.trace or 1.0)

    @property
    def effective_rank(self) -> float:
        """`exp(−Σ q log q)` with `q = λ/Σλ` over the `k` eigenvalues held here; 0 where `H = 0`."""
        total = self.eigenvalues.sum()
        if not total > 0:
            return 0.0
        q = self.eigenvalues / total
        return float(torch.special.entr(q).sum().exp())


def spectrum(state: State, k: int = 16, tolerance: float = TOLERANCE) -> Spectrum:
    """The `k` leading eigenpairs of `H` at a state of any site.

    Passes go on until the estimated relative error of every eigenvalue, `‖r_i‖²/(λ_i (λ_i − λ_b))`
    with `λ_b` the smallest Ritz value of the block, is below `tolerance` for the first eight and five
    times that for the others, or end with the twelfth: the residuals tell. Where the block would
    span much of the space, `H` is diagonalised whole.

    Raises StabilityError if `k` is not between 1 and `d`.
    """
    d = state.width
    if not 1 <= k <= d:
        raise StabilityError(
            f"The number of eigenpairs must be between 1 and the width {d}; received {k}: "
            "choose one in that range."
        )
    if 8 * (k + GUARD) >= d or k + GUARD > state.readout.width:
        return _dense(state, k)
    return _by_head(state, k, tolerance) if state.is_linear else _by_factor(state, k, tolerance)


def _dense(state: State, k: int) -> Spectrum:
    spread = fisher.spread(state) if state.is_linear else None
    H = fisher.dense(state)
    values, vectors = torch.linalg.eigh(H)
    values, vectors = values.flip(0)[:k].clamp_min(0), oriented(vectors.flip(1)[:, :k])
    residuals = (H @ vectors - vectors * values).norm(dim=0)
    upper = values + residuals if spread else None
    return Spectrum(values, vectors, residuals, float(H.trace()), upper=upper, spread=spread)


def _flat(state: State, k: int, spread: fisher.Spread) -> Spectrum:
    """The spectrum of `H = 0`: a prediction so certain that its other probabilities underflow."""
    zeros = torch.zeros(k, dtype=torch.float64, device=state.vector.device)
    axes = torch.eye(state.width, k, dtype=torch.float64, device=state.vector.device)
    return Spectrum(zeros, axes, zeros, 0.0, upper=zeros, spread=spread)


def factor(state: State, m: int) -> Float[Tensor, "d m"]:
    """`C` with `H ≈ C Cᵀ` at any site: the `m` leading eigenpairs at the readout, pulled back.

    As `H = Jᵀ H_prelogit J`, `C = Jᵀ V √λ`; what it leaves out is positive semi-definite. Where
    logits are capped there is no fast spectrum at the readout, and a random sketch stands in.
    """
    start = state.at_readout()
    if not start.is_linear:
        return fisher.sketch(state, m, seed=0) / m**0.5
    found = spectrum(start, min(m, start.width), ROUGH)
    return state.pull(found.vectors * found.eigenvalues.clamp_min(0).sqrt())


def _by_factor(state: State, k: int, tolerance: float) -> Spectrum:
    """Block iteration from a factor of `H`; the trace outside the block by random sketches."""
    start = factor(state, max(k + GUARD, FACTOR))
    block = torch.linalg.svd(start, full_matrices=False).U[:, : k + GUARD]
    for _ in range(PASSES):
        image = fisher.product(state, block)
        ritz, vectors, remainder = rayleigh_ritz(block, image)
        if settled(ritz, remainder, k, tolerance):
            break
        block = torch.linalg.qr(image).Q
    probes = fisher.sketch(state, PROBES, seed=1)
    outside = (probes - vectors @ (vectors.T @ probes)).square().sum(dim=0)
    return Spectrum(
        ritz[:k],
        oriented(vectors[:, :k]),
        remainder[:, :k].norm(dim=0),
        trace=float(ritz.sum() + outside.mean()),
        trace_error=float(outside.std()) / PROBES**0.5,
    )


def _by_head(state: State, k: int, tolerance: float) -> Spectrum:
    """Block iteration from the eigenvectors of the part of `H` that the likeliest tokens make."""
    spread = fisher.spread(state)
    if not spread.trace > 0:
        return _flat(state, k, spread)
    head = _head_tokens(state.probs)
    rows = fisher.weighted_rows(state, head, spread.offset)
    gram = rows.T @ rows
    block = _head_block(gram, k + GUARD)
    for _ in range(PASSES):
        [image] = fisher.products([state], block[None], spread.offset[None])
        ritz, vectors, remainder = rayleigh_ritz(block, image)
        if settled(ritz, remainder, k, tolerance):
            break
        block = torch.linalg.qr(image).Q
    residuals = remainder[:, :k].norm(dim=0)
    tail = (1 + ROUNDING) * spread.trace - float(gram.diagonal().double().sum())
    rest = min(spread.trace - float(ritz.sum()), _outside(gram, vectors) + tail)
    upper = compression_bound(ritz, remainder, rest) * (1 + ROUNDING)
    vectors = oriented(vectors[:, :k])
    return Spectrum(ritz[:k], vectors, residuals, spread.trace, upper=upper[:k], spread=spread)


def rayleigh_ritz(
    block: Float[Tensor, "*T d b"], image: Float[Tensor, "*T d b"]
) -> tuple[Float[Tensor, "*T b"], Float[Tensor, "*T d b"], Float[Tensor, "*T d b"]]:
    """Ritz values, the largest first, Ritz vectors and residual vectors of `H` on a block.

    `block` is orthonormal and `image` is `H` times it.
    """
    compressed = block.mT @ image
    ritz, rotation = torch.linalg.eigh(0.5 * (compressed + compressed.mT))
    ritz, rotation = ritz.flip(-1), rotation.flip(-1)
    vectors = block @ rotation
    return ritz, vectors, image @ rotation - vectors * ritz[..., None, :]


def settled(
    ritz: Float[Tensor, "*T b"], remainder: Float[Tensor, "*T d b"], k: int, tolerance: float
) -> bool:
    """Whether the estimated relative error `‖r_i‖²/(λ_i (λ_i − λ_b))` of the first `k` is small."""
    squared = remainder[..., :k].square().sum(dim=-2)
    gaps = (ritz - ritz[..., -1:]).clamp_min(torch.finfo(ritz.dtype).tiny)
    allowed = torch.full_like(squared, tolerance)
    allowed[..., LEADING:] *= LOOSER
    return bool((squared <= allowed * ritz[..., :k] * gaps[..., :k]).all())


def _head_tokens(probs: Float[Tensor, " V"]) -> Int[Tensor, " m"]:
    """The most probable tokens, enough of them to carry `HEAD_MASS` within fixed limits.

    Taken with the full `p` and `μ`, or the enclosure `H(head) ≤ H ≤ H(head) + tr(tail)·I` would break.
    """
    most = probs.topk(min(HEAD_MOST, len(probs)))
    needed = int((most.values.cumsum(0) < HEAD_MASS).sum()) + 1
    return most.indices[: max(needed, HEAD_LEAST)]


def _head_block(gram: Float[Tensor, "d d"], b: int) -> Float[Tensor, "d b"]:
    """Top eigenvectors of the head, nearly: from its longest columns by block iteration."""
    block = gram[:, gram.diagonal().topk(b).indices]
    for _ in range(HEAD_PASSES):
        block = gram @ torch.linalg.qr(block).Q
    return torch.linalg.qr(block.double()).Q


def _outside(gram: Float[Tensor, "d d"], vectors: Float[Tensor, "d b"]) -> float:
    """`‖(I − QQᵀ) G (I − QQᵀ)‖_F`: no eigenvalue of the head outside of `Q` exceeds it."""
    left = gram.double() - vectors @ (vectors.T @ gram.double())
    return float((left - (left @ vectors) @ vectors.T).norm())


def compression_bound(
    ritz: Float[Tensor, " b"], remainder: Float[Tensor, "d b"], rest: float
) -> Float[Tensor, " b"]:
    """Upper bounds of the eigenvalues from one block pass.

    On the complement of the first `i − 1` Ritz vectors (Courant–Fischer) `H` is a block matrix with
    `θ_i` and less in one corner, the residuals `R` beside it, and in the other corner what is left
    outside the block, where nothing exceeds `rest`: for one, the trace that is left, `tr H − Σθ`. So
    `λ_i` is at most the larger eigenvalue of `[[θ_i, ‖R‖], [‖R‖, rest]]`.
    """
    rest = max(rest, 0.0)
    coupling = remainder.square().sum(dim=0).flip(0).cumsum(0).flip(0)
    return 0.5 * (ritz + rest) + (0.25 * (ritz - rest) ** 2 + coupling).sqrt()


def oriented(vectors: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
    """The same vectors with their largest-magnitude component positive."""
    largest = vectors.abs().argmax(dim=0, keepdim=True)
    return vectors * vectors.gather(0, largest).sign()
