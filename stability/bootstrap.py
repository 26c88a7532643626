"""Numbers with their uncertainty: prompts are drawn again, since rows of one prompt are much alike."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

DRAWS, COVERAGE, SEED = 400, 0.95, 0


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float

    def spelled(self, unit: str = "%") -> str:
        """The number and its interval to three significant digits; a share in per cent."""
        scale = 100 if unit == "%" else 1
        value, low, high = (f"{scale * part:#.3g}".rstrip(".") for part in self)
        return f"{value}{unit and f' {unit}'} [{low},\N{NO-BREAK SPACE}{high}]"


def share(flags: Bool[ndarray, " n"], prompts: Int[ndarray, " n"]) -> Estimate:
    """The part of rows that are flagged."""
    weights = _weights(prompts)
    return _estimate(weights @ flags / weights.sum(axis=1))


def median(values: Float[ndarray, " n"], prompts: Int[ndarray, " n"]) -> Estimate:
    """The (lower) median of values."""
    order = values.argsort()
    mass = _weights(prompts)[:, order].cumsum(axis=1)
    return _estimate(values[order][(mass >= mass[:, -1:] / 2).argmax(axis=1)])


def rank_correlation(
    x: Float[ndarray, " n"], y: Float[ndarray, " n"], prompts: Int[ndarray, " n"]
) -> Estimate:
    """Spearman's correlation of two quantities."""
    weights = _weights(prompts)
    shares = weights / weights.sum(axis=1, keepdims=True)
    ranks = np.stack([x, y]).argsort(axis=1).argsort(axis=1).astype(float)
    moved = ranks[:, None] - (shares * ranks[:, None]).sum(axis=-1, keepdims=True)
    variances = (shares * moved**2).sum(axis=-1)
    return _estimate((shares * moved[0] * moved[1]).sum(axis=-1) / np.sqrt(variances.prod(axis=0)))


def _weights(prompts: Int[ndarray, " n"]) -> Int[ndarray, "draws n"]:
    """How often each row counts: once as measured, then in every draw of prompts."""
    names, owner = np.unique(prompts, return_inverse=True)
    draws = np.random.default_rng(SEED).multinomial(
        len(names), np.full(len(names), 1 / len(names)), DRAWS
    )
    return np.concatenate([np.ones((1, len(names)), dtype=int), draws])[:, owner]


def _estimate(values: Float[ndarray, " draws"]) -> Estimate:
    tails = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values[1:], [tails, 1 - tails])
    return Estimate(float(values[0]), float(low), float(high))
