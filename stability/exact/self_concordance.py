"""Guarantees about the boundary, without looking for it: brackets along a ray, and a ball.

The log-partition function is self-concordant: under the moved distribution the third central moment
of the slope is at most `R·Var`. Integrating twice, for `t ≥ 0`,

    κ₂ (e^{−R₂t} − 1 + R₂t)/R₂²  ≤  KL(t)  ≤  κ₂ (e^{R₁t} − 1 − R₁t)/R₁²

with `R₁ = max a_c` and `R₂ = max a − min a`. A second lower bound repairs the first where the
prediction is confident: `KL(t) ≥ log p_j + t·a_c,j` for every token `j`. Source of the first: Bach,
*Self-concordant analysis for logistic regression* (arXiv 0910.4627).

Radii are moved to the safe side by the rounding that is handed in: the logits and slopes that they are
computed from are products in the precision of `W_U`.
"""

from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability import numerics
from stability.arguments import nats

SOLVED = 1e-11  # relative; the equations below are solved to a tenth of it
LARGEST_SIDE = (
    1e300  # a right-hand side; a smaller one only shortens the inner radius, which stays safe
)

LEAST_EIGENVALUE = 1e-290  # less is zero: of probabilities that underflow too much is lost


Numbers = Float[ndarray, "*batch n"] | Float[Tensor, "*batch n"]


@runtime_checkable
class Slopes(Protocol):
    """What a bracket is made of: the variance of the slope, its ends, and single tokens."""

    @property
    def variance(self) -> Float[ndarray, "*batch"]:
        """`E[a_c²]`."""
        ...

    @property
    def ends(self) -> Float[ndarray, "*batch 2"]:
        """The least and the greatest value with any weight, or zero."""
        ...

    @property
    def supported(self) -> Numbers:
        """The slopes of all tokens, or of some, which guarantees less; zero where the weight is."""
        ...

    @property
    def log_weights(self) -> Numbers:
        """The logarithms of their weights."""
        ...


def token_bounds(measure: Slopes, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "*batch 2 m"]:
    """`min_j (ε − log p_j)/(±a_c,j)` over the tokens that gain, (minus, plus), for every `ε`.

    As `KL(t) ≥ log p_j + t·a_c,j`, no boundary is further. Infinite where no token gains.
    """
    # arrays share their memory
    slopes, log_weights = map(torch.as_tensor, (measure.supported, measure.log_weights))
    sides = torch.stack([-slopes, slopes], dim=-2)
    reciprocal = (1 / sides).where(sides > 0, torch.inf)
    nearest = [
        ((level - log_weights)[..., None, :] * reciprocal).amin(dim=-1)
        for level in epsilon.tolist()
    ]
    return torch.stack(nearest, dim=-1).cpu().numpy()


def solve_excess(
    c: Float[ndarray, "*s"], sign: Float[ndarray, "*#s"] | float
) -> Float[ndarray, "*s"]:
    """The positive `y` with `e^x − 1 − x = c` at `x = ±y`, for `c > 0`."""
    # e^y − 1 − y is at least y²/2 and at least e^y/4 − 1, and at most (y²/2)e^y;
    # e^{−y} − 1 + y is at most y²/2 and at most y, and at least y²/(2 + y)
    root, grows = np.sqrt(2 * c), np.greater(sign, 0)
    decayed = 0.5 * (c + np.sqrt(c) * np.sqrt(c + 8))
    high = np.where(grows, np.minimum(root, np.log(4 + 4 * c)), decayed)
    low = np.where(grows, root * np.exp(-high / 2), np.maximum(root, c))
    return np.exp(numerics.solve(partial(_log_ratio, c, sign), np.log(low), np.log(high)))


def _log_ratio(
    c: Float[ndarray, "*s"], sign: Float[ndarray, "*#s"] | float, u: Float[ndarray, "*s"]
) -> tuple[Float[ndarray, "*s"], Float[ndarray, "*s"]]:
    """`log((e^y − 1 − y)/c)` at `y = ±e^u`, and its derivative by `u`."""
    y = sign * np.exp(u)
    excess = numerics.exp_minus_tangent(y)
    return np.log(excess / c), y * np.expm1(y) / excess


def brackets(
    measure: Slopes,
    epsilon: Float[ndarray, " m"],
    rounding: Float[ndarray, "*batch 2"] | float = 0.0,
) -> Float[ndarray, "*batch 2 2 m"]:
    """Certified distances of the boundary: (minus, plus) × (inner, outer), for every `ε`.

    Lengths are in the state's own coordinates: along the ray nothing below `inner` exceeds `ε`, and
    everything beyond `outer` does. Both are moved to the safe side by `rounding`, relative, of either
    side. Infinite on a side on which no token gains.
    """
    deviation = np.sqrt(measure.variance)[..., None, None]
    rises = (measure.ends * np.array([-1.0, 1.0]))[..., None]
    span = rises.sum(axis=-2, keepdims=True)
    shape = (*rises.shape[:-1], len(epsilon))
    flat = np.broadcast_to(rises <= 0, shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        growth = np.minimum(epsilon * (rises / deviation) ** 2, LARGEST_SIDE)
        decay = np.broadcast_to(epsilon * (span / deviation) ** 2, shape)
        finite = np.isfinite(decay)
        right_sides = np.stack([np.where(flat, 1.0, growth), np.where(finite, decay, 1.0)])
        signs = np.array([1.0, -1.0]).reshape(2, *[1] * len(shape))
        inner, outer = solve_excess(right_sides, signs) / np.stack(np.broadcast_arrays(rises, span))
    outer = np.minimum(np.where(finite, outer, np.inf), token_bounds(measure, epsilon))
    bounds = np.where(flat[..., None, :], np.inf, np.stack([inner, outer], axis=-2))
    return widened(bounds, rounding)


def widened(
    bounds: Float[ndarray, "*batch 2 2 m"], rounding: Float[ndarray, "*#batch 2"] | float
) -> Float[ndarray, "*batch 2 2 m"]:
    """Brackets moved to the safe side by a relative `rounding`; of 1 or more, it leaves (0, ∞)."""
    reserve = np.broadcast_to(rounding, bounds.shape[:-2]) + SOLVED
    known = reserve < 1
    factors = np.stack(
        [np.where(known, 1 - reserve, 0), np.where(known, 1 + reserve, np.inf)], axis=-1
    )
    finite = np.where(np.isinf(bounds), 1.0, bounds)
    return np.where(np.isinf(bounds), bounds, finite * factors[..., None])


def ball(
    reach: float, largest_eigenvalue: float, epsilon: float, rounding: float = 0.0
) -> float | None:
    """Radius below which no perturbation of *any* direction exceeds `ε` nats.

    `y_in(ε ρ²/λ)/ρ` with `ρ = max ‖w_i − μ‖` and `λ` an upper bound of the largest eigenvalue of
    `H`: a Ritz value would bound it from below and certify nothing. Shortened by `rounding`, relative.
    None where `λ = 0`.
    """
    epsilon = nats(epsilon)
    if not largest_eigenvalue > LEAST_EIGENVALUE:
        return None
    side = np.array([min(epsilon * reach**2 / largest_eigenvalue, LARGEST_SIDE)])
    growth = solve_excess(side, 1.0)
    return float(growth[0]) / reach * max(1 - rounding - SOLVED, 0.0)
