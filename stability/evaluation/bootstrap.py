"""Bootstrap intervals: prompts are resampled, not rows, since rows of one prompt are much alike."""

from math import isnan, nan
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from stability.text import digits

DRAWS, COVERAGE, DRAW_SEED = 400, 0.95, 0
# prompts times draws whose rows are counted at once
CHUNK = 2**12


class Estimate(NamedTuple):
    """A number with its interval, which is NaN for a single prompt."""

    value: float
    low: float
    high: float

    def spelled(self, unit: str = "%") -> str:
        """The number and its interval to three significant digits; a share in per cent."""
        value, low, high = map(_percent if unit == "%" else digits, self)
        interval = "" if isnan(self.low) else f" [{low},\N{NO-BREAK SPACE}{high}]"
        return f"{value}{unit and f' {unit}'}{interval}"


def _percent(share: float) -> str:
    """Three significant digits; four from 99 % on, to show how much is missing."""
    return f"{100 * share:.2f}" if 0.99 <= share < 1 else digits(100 * share)


def share(flags: Bool[ndarray, " n"], prompts: Int[ndarray, " n"]) -> Estimate:
    """The share of rows that are flagged."""
    counts, owner = _draws(prompts)
    flagged, all_rows = np.bincount(owner, flags), np.bincount(owner)
    return _estimate((counts @ flagged) / (counts @ all_rows), counts)


def median(values: Float[ndarray, " n"], prompts: Int[ndarray, " n"]) -> Estimate:
    """The (lower) median of values."""
    counts, owner = _draws(prompts)
    order = values.argsort()
    medians = []
    for chunk in np.array_split(counts, 1 + counts.size // CHUNK):
        mass = chunk[:, owner[order]].cumsum(axis=1)
        medians.append(values[order][(mass >= mass[:, -1:] / 2).argmax(axis=1)])
    return _estimate(np.concatenate(medians), counts)


def rank_correlation(
    x: Float[ndarray, " n"], y: Float[ndarray, " n"], prompts: Int[ndarray, " n"]
) -> Estimate:
    """Spearman's correlation of two quantities, ranked in every draw; ties share their ranks."""
    counts, owner = _draws(prompts)
    weights = counts[:, owner]
    shares = weights / weights.sum(axis=1, keepdims=True)
    ranks = np.stack([_ranks(values, shares) for values in (x, y)])
    centred = ranks - (shares * ranks).sum(axis=-1, keepdims=True)
    variances = (shares * centred**2).sum(axis=-1)
    covariance = (shares * centred[0] * centred[1]).sum(axis=-1)
    return _estimate(covariance / np.sqrt(variances.prod(axis=0)), counts)


def _ranks(values: Float[ndarray, " n"], shares: Float[ndarray, "draws n"]) -> ndarray:
    """The share of rows below each, and half of those that are tied with it, in every draw."""
    distinct, index = np.unique(values, return_inverse=True)
    mass = shares @ (index[:, None] == np.arange(len(distinct)))
    return (mass.cumsum(axis=1) - mass / 2)[:, index]


def _draws(prompts: Int[ndarray, " n"]) -> tuple[Int[ndarray, "draws k"], Int[ndarray, " n"]]:
    """The weight of each prompt in the data (first row) and in every draw; and each row's prompt."""
    names, owner = np.unique(prompts, return_inverse=True)
    draws = np.random.default_rng(DRAW_SEED).multinomial(
        len(names), np.full(len(names), 1 / len(names)), DRAWS
    )
    return np.concatenate([np.ones((1, len(names)), dtype=int), draws]), owner


def _estimate(values: Float[ndarray, " draws"], counts: Int[ndarray, "draws k"]) -> Estimate:
    if counts.shape[1] == 1:
        return Estimate(float(values[0]), nan, nan)
    tails = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values[1:], [tails, 1 - tails])
    return Estimate(float(values[0]), float(low), float(high))
