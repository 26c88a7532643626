"""Numerical tools that several formulas share: `eˣ − 1 − x`, a safe root-finder, the largest."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

SMALL = 1e-2  # here the series and the difference both err by 1e-13
Function = Callable[[ndarray], tuple[ndarray, ndarray]]


def excess_of_small(x: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """`eˣ − 1 − x` by its series, to a relative 1e-13 for `|x| ≤ SMALL`."""
    return x**2 * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x / 720))))


def exp_minus_tangent(x: Float[ndarray, "*s"]) -> Float[ndarray, "*s"]:
    """`eˣ − 1 − x ≥ 0` to a relative 2e-13: by its series where the difference would cancel."""
    small = np.clip(x, -SMALL, SMALL)
    return np.where(x == small, excess_of_small(small), np.expm1(x) - x)


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


def largest(values: Float[ndarray, " n"], count: int) -> Int[ndarray, " m"]:
    """Indices of the `count` largest values, in order; ties go to the lowest index."""
    count = min(count, len(values))
    least = np.partition(values, len(values) - count)[len(values) - count]
    candidates = np.flatnonzero(values >= least)
    return candidates[np.argsort(-values[candidates], kind="stable")][:count]
