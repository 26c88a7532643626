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
from jaxtyping import Float
from numpy import ndarray

from stability import numerics
from stability.arguments import nats

SOLVED = 1e-11  # relative; the equations below are solved to a tenth of it
LARGEST_SIDE = (
    1e300  # a right-hand side; a smaller one only shortens the inner radius, which stays safe
)

LEAST_EIGENVALUE = 1e-290  # less is zero: of probabilities that underflow too much is lost


@runtime_checkable
class Slopes(Protocol):
    """What a bracket is made of: the variance of the slope, and some of its values with both ends.

    Of the values (zero where the weight is) any may be left out but the least and the greatest: what a
    single token guarantees is then that of fewer tokens.
    """

    @property
    def supported(self) -> Float[ndarray, "*batch n"]:
        """Values, the least and the greatest among them."""
        ...

    @property
    def variance(self) -> Float[ndarray, "*batch"]:
        """`E[a_c²]`."""
        ...

    @property
    def log_weights(self) -> Float[ndarray, "*#batch n"]:
        """The logarithms of the values' weights."""
        ...


def solve_growth(c: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """The positive `y` with `e^y − 1 − y = c`, for `c > 0`."""
    # e^y − 1 − y is at least y²/2 and at least e^y/4 − 1, and at most (y²/2)e^y
    high = np.minimum(np.sqrt(2 * c), np.log(4 + 4 * c))
    low = np.sqrt(2 * c) * np.exp(-high / 2)
    return np.exp(numerics.solve(partial(_log_ratio, c, 1), np.log(low), np.log(high)))


def solve_decay(c: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """The positive `y` with `e^{−y} − 1 + y = c`, for `c > 0`."""
    # e^{−y} − 1 + y is at most y²/2 and at most y, and at least y²/(2 + y)
    low = np.maximum(np.sqrt(2 * c), c)
    high = 0.5 * (c + np.sqrt(c) * np.sqrt(c + 8))
    return np.exp(numerics.solve(partial(_log_ratio, c, -1), np.log(low), np.log(high)))


def _log_ratio(
    c: Float[ndarray, "*s"], sign: int, u: Float[ndarray, "*s"]
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
    sides = [_bracket(measure, sign, epsilon) for sign in (-1, 1)]
    return widened(np.stack(sides, axis=-3), rounding)


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


def _bracket(
    measure: Slopes, sign: int, epsilon: Float[ndarray, " m"]
) -> Float[ndarray, "*batch 2 m"]:
    """The bracket on one side."""
    slopes = sign * measure.supported
    deviation = np.sqrt(measure.variance)[..., None]
    rise, span = slopes.max(axis=-1)[..., None], np.ptp(slopes, axis=-1)[..., None]
    flat = np.broadcast_to(rise <= 0, (*rise.shape[:-1], len(epsilon)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        growth = np.minimum(epsilon * (rise / deviation) ** 2, LARGEST_SIDE)
        decay = epsilon * (span / deviation) ** 2
        inner = solve_growth(np.where(flat, 1.0, growth)) / rise
        outer = solve_decay(np.where(np.isfinite(decay), decay, 1.0)) / span
        outer = np.where(np.isfinite(decay), outer, np.inf)
        # KL(t) ≥ log p_j + t·a_c,j: the lines of all tokens that gain are an envelope of their own
        reciprocal = 1 / np.maximum(slopes, 0)
    for i, level in enumerate(epsilon):
        by_token = ((level - measure.log_weights) * reciprocal).min(axis=-1)
        outer[..., i] = np.minimum(outer[..., i], by_token)
    return np.where(flat[..., None, :], np.inf, np.stack([inner, outer], axis=-2))


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
    growth = solve_growth(np.array([min(epsilon * reach**2 / largest_eigenvalue, LARGEST_SIDE)]))
    return float(growth[0]) / reach * max(1 - rounding - SOLVED, 0.0)
