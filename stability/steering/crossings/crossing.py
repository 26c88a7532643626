"""Where a sampled curve first reaches a level: interpolated, with an estimate of the error.

Divergences are read on double logarithmic scales, on which they are nearly straight lines. The crossing
is interpolated by the inverse polynomial through up to four points around it; that through three of
them says how far it may be off.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

ACCURACY = 1e-3  # of a coefficient, that is promised
MARGIN = 4  # how much nearer two interpolations must agree
MIDDLE = 0.5  # of the bracket: beyond a quarter of it, the error is no estimate


@dataclass(frozen=True)
class Crossing:
    """The first coefficient at which a curve reaches a level.

    Attributes:
        coefficient: the interpolated one.
        low: the last sampled coefficient before it; 0 for none.
        high: the sampled coefficient at which the level is reached.
        error: how far the coefficient may be off, relative.
    """

    coefficient: float
    low: float
    high: float
    error: float

    @property
    def is_found(self) -> bool:
        """Whether the coefficient is known to `ACCURACY`; where the curve jumps, by its bracket."""
        return min(self.error * MARGIN, 1 - self.low / self.high) <= ACCURACY

    @property
    def next(self) -> float:
        """Where to evaluate the curve for a better one."""
        width = 1 - self.low / self.high
        if self.error < width / MARGIN:
            return self.coefficient
        return (self.low * self.high) ** MIDDLE if self.low else self.high / 2


def first_crossing(
    c: Float[ndarray, " m"], values: Float[ndarray, " m"], level: float, logarithmic: bool = True
) -> Crossing | None:
    """The first crossing of a level by values at ascending coefficients; None if it is not reached."""
    reached = values >= level
    if not reached.any():
        return None
    j = int(reached.argmax())
    high = float(c[j])
    if j == 0:
        # from nothing, a parabola
        coefficient = high * (level / values[0]) ** 0.5 if logarithmic else high / 2
        return Crossing(coefficient, 0.0, high, np.inf)
    low = float(c[j - 1])
    around = np.arange(max(j - 2, 0), min(j + 2, len(c)))
    x = np.log(c[around])
    with np.errstate(divide="ignore", invalid="ignore"):
        f = np.log(values[around] / level) if logarithmic else values[around] - level
    usable = np.isfinite(f)
    around, x, f = around[usable], x[usable], f[usable]
    logarithms = [_inverse(x[part], f[part]) for part in _choices(around, j)]
    if not logarithms or not np.isfinite(logarithms).all():
        return Crossing((low * high) ** 0.5, low, high, np.inf)
    coefficient = float(np.clip(np.exp(logarithms[0]), low, high))
    error = (
        max(abs(logarithms[0] - other) for other in logarithms[1:])
        if len(logarithms) > 1
        else np.inf
    )
    inside = np.log(low) <= logarithms[0] <= np.log(high)
    return Crossing(coefficient, low, high, float(error) if inside else np.inf)


def _choices(around: Int[ndarray, " k"], j: int) -> list[Int[ndarray, " n"]]:
    """All the points, and all but one at an end."""
    index = np.arange(len(around))
    if not {j - 1, j} <= set(around.tolist()) or len(around) < 3:
        return [index] if len(around) > 1 else []
    ends = [end for end in (0, len(around) - 1) if around[end] not in (j - 1, j)]
    return [index, *(np.delete(index, end) for end in ends)]


def _inverse(x: Float[ndarray, " n"], f: Float[ndarray, " n"]) -> float:
    """`x` where `f` is zero, by the polynomial `x(f)` through all points; NaN unless `f` increases."""
    if not (np.diff(f) > 0).all():
        return np.nan
    total = 0.0
    for i in range(len(x)):
        others = np.delete(f, i)
        total += x[i] * np.prod(others / (others - f[i]))
    return float(total)
