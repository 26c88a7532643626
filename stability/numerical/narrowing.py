"""Narrowing the stretch of a line in which something first happens, many lines side by side.

A stretch holds distances in order with a value at each, a divergence or the most likely token. It is
divided, evaluated, and cut down to the two points between which the change lies; then once more around
the place where interpolation puts it. What is smooth is held within `ACCURACY` after that. The others
are divided until they are, and a divergence that still leaps within `NEAREST` of its distance jumps.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from numpy import ndarray

PARTS, COARSE_PARTS = 8, 4  # of an interval, and of each of several steps
ACCURACY = 1e-4  # relative width of the interval that a change is held in
ASIDE = ACCURACY / 4  # how far on both sides of the interpolated place is evaluated
SMOOTH = 1e-3  # of a level: no more is left of the rise of a smooth divergence, at some width
NEAREST = 1e-8  # relative width within which a divergence that rises by more jumps
MOST_ROUNDS = 60

Evaluate = Callable[[Int[ndarray, " n"], Float[ndarray, " n"]], ndarray]


def first_crossings(
    kl_at: Evaluate,
    lines: Int[ndarray, " n"],
    level: Float[ndarray, " n"],
    t: Float[ndarray, "n m"],
    kl: Float[ndarray, "n m"],
    rounding: float,
) -> tuple[Float[ndarray, " n"], Bool[ndarray, " n"]]:
    """Where the divergence first reaches a level within each stretch, and whether it jumps there.

    `kl_at` gives the divergence at distances of lines; the last of the `kl` of each stretch reaches its
    level, the first does not. A jump is a rise by more than `SMOOTH` of the level, and by more than
    `rounding`, the divergence that rounding makes, can feign.
    """
    for parts in (COARSE_PARTS, PARTS):
        t, kl = _crossing(*divided(kl_at, lines, t, kl, parts), level)
    t, kl = _crossing(*beside(kl_at, lines, t, kl, _by_power_law(t, kl, level)), level)
    smooth = np.maximum(SMOOTH * level, 4 * np.sqrt(rounding * level))
    for _ in range(MOST_ROUNDS):
        width, leaps = np.ptp(t, axis=1), np.diff(kl)[:, 0] > smooth
        wide = width > np.where(leaps, NEAREST, ACCURACY) * t[:, 1]
        if not wide.any():
            break
        finer = divided(kl_at, lines[wide], t[wide], kl[wide], PARTS)
        t[wide], kl[wide] = _crossing(*finer, level[wide])
    return _by_power_law(t, kl, level), leaps


def _crossing(
    t: Float[ndarray, "n m"], kl: Float[ndarray, "n m"], level: Float[ndarray, " n"]
) -> tuple[Float[ndarray, "n 2"], Float[ndarray, "n 2"]]:
    """The two points between which each stretch first reaches its level."""
    after = (kl >= level[:, None]).argmax(axis=1)[:, None]
    ends = np.concatenate([after - 1, after], axis=1)
    return np.take_along_axis(t, ends, axis=1), np.take_along_axis(kl, ends, axis=1)


def _by_power_law(
    t: Float[ndarray, "n 2"], kl: Float[ndarray, "n 2"], level: Float[ndarray, " n"]
) -> Float[ndarray, " n"]:
    """Where a power law between two points reaches a level; from the state itself a parabola."""
    (low, high), (kl_low, kl_high) = t.T, kl.T
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.log(kl_high / kl_low) / np.log(high / low)
        power = np.where((low > 0) & (kl_low > 0), power, 2.0)
        return np.clip(high * (level / kl_high) ** (1 / power), low, high)


def divided(
    evaluate: Evaluate,
    lines: Int[ndarray, " n"],
    t: Float[ndarray, "n m"],
    values: Num[ndarray, "n m"],
    parts: int,
) -> tuple[Float[ndarray, "n k"], Num[ndarray, "n k"]]:
    """Stretches with each of their intervals divided into equal parts."""
    inner = t[:, :-1, None] + np.diff(t)[..., None] * (np.arange(1, parts) / parts)
    return _with(evaluate, lines, t, values, inner)


def beside(
    evaluate: Evaluate,
    lines: Int[ndarray, " n"],
    t: Float[ndarray, "n 2"],
    values: Num[ndarray, "n 2"],
    guess: Float[ndarray, " n"],
) -> tuple[Float[ndarray, "n 4"], Num[ndarray, "n 4"]]:
    """Intervals with a point on either side of the place where a change is expected."""
    sides = guess[:, None] * (1 + ASIDE * np.array([-1, 1]))
    return _with(evaluate, lines, t, values, np.clip(sides, t[:, :1], t[:, 1:])[:, None])


def _with(
    evaluate: Evaluate,
    lines: Int[ndarray, " n"],
    t: Float[ndarray, "n m"],
    values: Num[ndarray, "n m"],
    inner: Float[ndarray, "n i p"],
) -> tuple[ndarray, ndarray]:
    """Stretches with `p` points evaluated in each of their intervals."""
    _, steps, p = inner.shape
    new = evaluate(np.repeat(lines, steps * p), inner.ravel()).reshape(inner.shape)
    return _joined(t, inner), _joined(values, new)


def _joined(ends: Num[ndarray, "n m"], within: Num[ndarray, "n i p"]) -> Num[ndarray, "n k"]:
    """The ends of intervals with what lies within each."""
    n, steps, p = within.shape
    parts = np.concatenate([ends[:, :-1, None], within], axis=2).reshape(n, steps * (p + 1))
    return np.concatenate([parts, ends[:, -1:]], axis=1)


def changes(
    lines: Int[ndarray, " n"],
    t: Float[ndarray, "n m"],
    winners: Int[ndarray, "n m"],
    limit: int,
) -> tuple[Int[ndarray, " k"], Float[ndarray, "k 2"], Int[ndarray, "k 2"]]:
    """The first `limit` intervals of each line whose ends have different winners.

    For each: the line, both distances, both winners; stretches of one line in order of distance.
    """
    rows, i = np.nonzero(winners[:, 1:] != winners[:, :-1])
    owners = lines[rows]
    rank = np.arange(len(owners)) - np.searchsorted(owners, owners)
    rows, ends = rows[rank < limit, None], i[rank < limit, None] + np.arange(2)
    return lines[rows[:, 0]], t[rows, ends], winners[rows, ends]
