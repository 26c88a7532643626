"""Two numerical tools that several formulas share: a safe root-finder and a safe `eˣ − 1 − x`."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Function = Callable[[ndarray], tuple[ndarray, ndarray]]


def growth_and_excess(
    x: Float[ndarray, "*s"],
) -> tuple[Float[ndarray, "*s"], Float[ndarray, "*s"]]:
    """`eˣ − 1` and `eˣ − 1 − x ≥ 0`, the latter by its series where the difference would cancel."""
    growth = np.expm1(x)
    small = np.clip(x, -1e-2, 1e-2)  # beyond, the series and the difference both err by 1e-13
    series = small**2 * (0.5 + small * (1 / 6 + small * (1 / 24 + small * (1 / 120 + small / 720))))
    return growth, np.where(x == small, series, growth - x)


def exp_minus_tangent(x: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """`eˣ − 1 − x ≥ 0` to a relative 2e-13."""
    return growth_and_excess(x)[1]


def solve(
    function: Function,
    low: Float[ndarray, "*s"],
    high: Float[ndarray, "*s"],
    tolerance: float = 1e-12,
    steps: int = 100,
) -> Float[ndarray, "*s"]:
    """Roots of an increasing function, element by element, each inside its own bracket.

    `function` returns its value and its derivative. A Newton step that leaves the bracket, or is
    not finite, becomes a bisection; the bracket shrinks at every step, so the method cannot
    diverge. It stops when every step is below `tolerance` (absolute).
    """
    low, high = low.copy(), high.copy()
    x = 0.5 * (low + high)
    for _ in range(steps):
        value, derivative = function(x)
        low = np.where(value <= 0, x, low)
        high = np.where(value >= 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - value / derivative
        inside = (step >= low) & (step <= high)
        new = np.where(inside, step, 0.5 * (low + high))
        done = np.all(np.abs(new - x) <= tolerance)
        x = new
        if done:
            break
    return x
