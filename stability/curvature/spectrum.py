"""The eigenvectors of H: the directions in which the prediction is most, and least, sensitive.

At `prelogit` the most probable tokens carry nearly all of `H`. Their part is a small matrix, whose
eigenvectors, with a sample of the other tokens, start a block Krylov iteration with the full `W_U`.
What the head leaves out is positive semi-definite, so every step comes with a rigorous enclosure.
Below, the eigenpairs at the readout, pulled back through the network, start the same iteration.
"""

from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from stability.arguments import positive, whole
from stability.curvature import fisher, subspace
from stability.curvature.effective_rank import effective_rank_bounds
from stability.curvature.head import Head
from stability.curvature.row_spread import RowSpread, row_spread
from stability.curvature.subspace import RITZ_ROUNDING, eigenvalue_upper_bounds, sign_fixed
from stability.defaults import LEADING_PAIRS
from stability.errors import StabilityError
from stability.prediction.state import State

MOST_PASSES = 12
GUARD = 8  # extra vectors in the block: they speed up the last ones asked for
LANES = 16  # columns that a product with `W_U` takes together: one more takes as long as sixteen
TOLERANCE = 1e-4
FACTOR_PAIRS, FACTOR_TOLERANCE = 48, 1e-2  # of the spectrum at the readout that starts those below
PROBES = 16  # sketches that estimate a trace


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The `k` leading eigenpairs of `H`, in descending order.

    Attributes:
        eigenvalues: Ritz values, which never exceed the true ones, (k,), in nats per squared
            coordinate.
        vectors: orthonormal, (d, k), the largest component of each positive.
        residuals: `‖H v − λ v‖`, (k,), in the unit of the eigenvalues.
        trace: `tr H`, the sum of *all* eigenvalues.
        trace_error: its standard error where it is an estimate, else 0.
        passes: how often `H` was applied, 0 where it was diagonalised whole.
        converged: whether the errors asked for were reached.
        upper: bounds of the true eigenvalues from above, (k,); None unless the logits are linear.
        row_spread: the distances of the rows of `W_U` from their mean; None unless logits are linear.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> spectrum = stability.spectrum(state, k=2)
    >>> spectrum.share.numpy().round(3), round(spectrum.effective_rank, 3)
    (array([0.702, 0.298]), 1.838)
    """

    eigenvalues: Float[Tensor, " k"]
    vectors: Float[Tensor, "d k"] = field(repr=False)
    residuals: Float[Tensor, " k"] = field(repr=False)
    trace: float
    trace_error: float = 0.0
    passes: int = 0
    converged: bool = True
    upper: Float[Tensor, " k"] | None = field(default=None, repr=False)
    row_spread: RowSpread | None = field(default=None, repr=False)

    @property
    def share(self) -> Float[Tensor, " k"]:
        """Each eigenvalue's part of the trace; zeros where `H = 0`."""
        return self.eigenvalues / (self.trace or 1.0)

    @property
    def effective_rank(self) -> float:
        """The least that `exp(−Σ q log q)`, `q = λ/tr H` over *all* eigenvalues, can be; 0 for `H = 0`.

        It is the effective rank itself where all `d` are held, and grows towards it with `k`.
        """
        return self.effective_rank_bounds[0]

    @property
    def effective_rank_bounds(self) -> tuple[float, float]:
        """Between which the effective rank lies: the trace not held is shared by few, or by all.

        As certain as the trace: see `trace_error`.
        """
        return effective_rank_bounds(self.eigenvalues, self.trace, self.vectors.shape[0])


def spectrum(state: State, k: int = LEADING_PAIRS, tolerance: float = TOLERANCE) -> Spectrum:
    """The `k` leading eigenpairs of `H = Jᵀ(diag p − p pᵀ)J` at a state of any site.

    Passes go on until the estimated relative error of every eigenvalue, `‖r_i‖²/(λ_i (λ_i − λ_b))`
    with `λ_b` the smallest Ritz value of the block, is below `tolerance` for the first eight and five
    times that for the others, or end with the twelfth: see `converged`. Where the block would span
    much of the space, `H` is diagonalised whole.

    Args:
        state: a captured vector, at any site.
        k: number of eigenpairs.
        tolerance: relative, of an eigenvalue.

    Returns:
        Eigenvalues (k,), vectors (d, k), residuals (k,) and the trace; at `prelogit` upper bounds too.

    Raises:
        StabilityError: `k` is not between 1 and `d`.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> stability.spectrum(state, k=2).eigenvalues.numpy().round(4)  # the smaller is p₁ = p₂
    array([0.2515, 0.1065])
    """
    d, tolerance = state.width, positive(tolerance, "A tolerance", example=TOLERANCE)
    if not 1 <= whole(k, "The number of eigenpairs") <= d:
        raise StabilityError(
            f"The number of eigenpairs must be between 1 and the width {d}; received {k}: "
            "choose one in that range."
        )
    if 8 * (k + GUARD) >= d or k + GUARD > state.readout.width:
        return _dense(state, k)
    return (_by_head if state.is_at_readout else _by_factor)(state, k, tolerance)


def _dense(state: State, k: int) -> Spectrum:
    spread = row_spread(state) if state.is_linear else None
    H = fisher.dense(state)
    values, vectors = torch.linalg.eigh(H)
    values, vectors = values.flip(0)[:k].clamp_min(0), sign_fixed(vectors.flip(1)[:, :k])
    residuals = (H @ vectors - vectors * values).norm(dim=0)
    upper = (values + residuals) * (1 + RITZ_ROUNDING) if spread else None
    return Spectrum(values, vectors, residuals, float(H.trace()), upper=upper, row_spread=spread)


def _flat(state: State, k: int, spread: RowSpread | None) -> Spectrum:
    """The spectrum of `H = 0`: a prediction so certain that its other probabilities underflow."""
    zeros = torch.zeros(k, dtype=torch.float64, device=state.vector.device)
    axes = torch.eye(state.width, k, dtype=torch.float64, device=state.vector.device)
    return Spectrum(zeros, axes, zeros, 0.0, upper=zeros if spread else None, row_spread=spread)


def low_rank_factor(state: State, m: int) -> Float[Tensor, "d m"]:
    """A factor of `H` at any site, from the `m` leading eigenpairs at the readout.

    Returns:
        `C` with `H ≈ C Cᵀ`: as `H = Jᵀ H_prelogit J`, `C = Jᵀ V √λ`; what it leaves out is positive
        semi-definite.
    """
    start = state.at_readout()
    pairs = spectrum(start, min(m, start.width), FACTOR_TOLERANCE)
    return state.vjp(pairs.vectors * pairs.eigenvalues.clamp_min(0).sqrt())


def _by_factor(state: State, k: int, tolerance: float) -> Spectrum:
    """Block iteration from a factor of `H`; the trace outside the block by random sketches."""
    factor = low_rank_factor(state, max(k + GUARD, FACTOR_PAIRS))
    block = subspace.leading_block(factor, k + GUARD)
    pairs = subspace.iterate(partial(fisher.hvp, state), block, k, tolerance, MOST_PASSES)
    probes = fisher.sketch(state, PROBES, seed=1)
    outside = probes - pairs.vectors @ (pairs.vectors.T @ probes)
    traces = outside.square().sum(dim=0)
    return Spectrum(
        pairs.values[:k],
        sign_fixed(pairs.vectors[:, :k]),
        pairs.residuals[:, :k].norm(dim=0),
        trace=float(pairs.values.sum() + traces.mean()),
        trace_error=float(traces.std()) / PROBES**0.5,
        passes=pairs.passes,
        converged=pairs.converged,
    )


def _by_head(state: State, k: int, tolerance: float) -> Spectrum:
    """Block iteration from the eigenvectors of an estimate that the likeliest tokens make."""
    spread = row_spread(state)
    certified = spread if state.is_linear else None
    if not spread.trace > 0:
        return _flat(state, k, certified)
    head = Head(spread)

    def apply(block: Float[Tensor, "d b"]) -> Float[Tensor, "d b"]:
        return fisher.hvp_batched([state], block[None], spread.offset[None])[0]

    columns = -(-(k + GUARD) // LANES) * LANES
    pairs = subspace.iterate(
        apply, head.start(min(columns, state.width)), k, tolerance, MOST_PASSES
    )
    rest = head.norm_outside(pairs)
    upper = eigenvalue_upper_bounds(pairs.values, pairs.residuals, rest) * (1 + RITZ_ROUNDING)
    return Spectrum(
        pairs.values[:k],
        sign_fixed(pairs.vectors[:, :k]),
        pairs.residuals[:, :k].norm(dim=0),
        trace=spread.trace,
        passes=pairs.passes,
        converged=pairs.converged,
        upper=upper[:k] if certified else None,
        row_spread=certified,
    )
