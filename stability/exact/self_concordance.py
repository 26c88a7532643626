"""What can be guaranteed about the boundary without looking for it: brackets and a ball.

The log-partition function is self-concordant: under the moved distribution the third central moment
of the slope is at most `R·Var`. Integrating twice, for `t ≥ 0`,

    κ₂ (e^{−R₂t} − 1 + R₂t)/R₂²  ≤  KL(t)  ≤  κ₂ (e^{R₁t} − 1 − R₁t)/R₁²

with `R₁ = max a_c` and `R₂ = max a − min a`. A second lower bound repairs the first where the
prediction is confident: `KL(t) ≥ log p_j + t·a_c,j` for every token `j`.

All radii returned here are moved to the safe side by `ROUNDING`, which covers the float32 products
with `W_U` that they are computed from.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability import numerics
from stability.prediction import distribution

# Logits and slopes are float32 products: they err by about `2⁻²⁴·√d·‖w‖‖y‖`, 1e-4 for the models here,
# and a radius, by way of the probabilities, by half of that at most (6e-6 was the worst measured).
ROUNDING = 1e-4


def solve_growth(c: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """The positive `y` with `e^y − 1 − y = c`, for `c > 0`."""

    def excess(u: ndarray) -> tuple[ndarray, ndarray]:
        y = np.exp(u)
        growth = numerics.exp_minus_tangent(y)
        return np.log(growth / c), y * np.expm1(y) / growth

    # e^y − 1 − y is at least y²/2 and at least e^y/4 − 1, and at most (y²/2)e^y
    high = np.minimum(np.sqrt(2 * c), np.log(4 + 4 * c))
    low = np.sqrt(2 * c) * np.exp(-high / 2)
    return np.exp(numerics.solve(excess, np.log(low), np.log(high)))


def solve_decay(c: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """The positive `y` with `e^{−y} − 1 + y = c`, for `c > 0`."""

    def excess(u: ndarray) -> tuple[ndarray, ndarray]:
        y = np.exp(u)
        decay = numerics.exp_minus_tangent(-y)
        return np.log(decay / c), -y * np.expm1(-y) / decay

    # e^{−y} − 1 + y is at most y²/2 and at most y, and at least y²/(2 + y)
    low = np.maximum(np.sqrt(2 * c), c)
    high = 0.5 * (c + np.sqrt(c) * np.sqrt(c + 8))
    return np.exp(numerics.solve(excess, np.log(low), np.log(high)))


def brackets(
    slopes: Float[ndarray, "*batch n"],
    weights: Float[ndarray, "*#batch n"],
    epsilon: Float[ndarray, " m"],
) -> tuple[Float[ndarray, "*batch m"], Float[ndarray, "*batch m"]]:
    """Certified `(inner, outer)` distances of the boundary on the side of growing `t`.

    `slopes` are the centred `a_c`, not all zero, and `weights` the probabilities; for the minus
    side hand in `−a_c`. Lengths are in the state's own coordinates: along the ray nothing below
    `inner` exceeds `ε` and everything beyond `outer` does.
    """
    variance = (weights * slopes**2).sum(axis=-1)[..., None]
    rise, span = slopes.max(axis=-1)[..., None], np.ptp(slopes, axis=-1)[..., None]
    inner = solve_growth(epsilon * rise**2 / variance) / rise
    outer = solve_decay(epsilon * span**2 / variance) / span
    # KL(t) ≥ log p_j + t·a_c,j: the lines of all tokens that gain are an envelope of their own
    with np.errstate(divide="ignore"):
        surprise = -np.log(weights)
        reciprocal = 1 / np.maximum(slopes, 0)
    for i, nats in enumerate(epsilon):
        by_token = ((nats + surprise) * reciprocal).min(axis=-1)
        outer[..., i] = np.minimum(outer[..., i], by_token)
    return inner * (1 - ROUNDING), outer * (1 + ROUNDING)


def ball(reach: float, largest_eigenvalue: float, epsilon: float) -> float | None:
    """Radius below which no perturbation of *any* direction exceeds `ε` nats.

    `y_in(ε ρ²/λ)/ρ` with `ρ = max ‖w_i − μ‖` and `λ` an upper bound of the largest eigenvalue of
    `H`: a Ritz value would bound it from below and certify nothing. None where `λ = 0`.
    """
    distribution.require_nats(epsilon)
    if not largest_eigenvalue > 0:
        return None
    growth = solve_growth(np.array([epsilon * reach**2 / largest_eigenvalue]))
    return float(growth[0]) / reach * (1 - ROUNDING)
