"""Statistics of a divergence over the tokens of a text, and then over texts.

The first token of a text is left out of those over tokens: its state is unlike all others. Of texts
with one token alone there is nothing to say, and they are left out.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError

DRAWS, COVERAGE, SEED = 400, 0.95, 0
# of (T, n), over the tokens
STATISTICS: dict[str, Callable[[Float[ndarray, "T n"]], Float[ndarray, " n"]]] = {
    "last": lambda values: values[-1],
    "mean": lambda values: _others(values, np.mean),
    "median": lambda values: _others(values, np.median),
    "p95": lambda values: _others(values, lambda rest, axis: np.quantile(rest, 0.95, axis=axis)),
}


def require(*names: str) -> None:
    """Raise StabilityError for a statistic that is not known."""
    if unknown := [name for name in names if name not in STATISTICS]:
        raise StabilityError(
            f"A statistic must be one of {', '.join(STATISTICS)}; received {unknown[0]!r:.40}: try p95."
        )


def _others(
    values: Float[ndarray, "T n"], statistic: Callable[..., Float[ndarray, " n"]]
) -> Float[ndarray, " n"]:
    return statistic(values[1:], axis=0) if len(values) > 1 else np.full(values.shape[1], np.nan)


def by_text(name: str, texts: Sequence[Float[ndarray, "_ n"]]) -> Float[ndarray, "k n"]:
    """The statistic of every text that has it."""
    found = np.stack([STATISTICS[name](values) for values in texts])
    return found[~np.isnan(found).any(axis=1)]


def over_texts(name: str, texts: Sequence[Float[ndarray, "_ n"]]) -> Float[ndarray, " n"]:
    """The statistic, in the mean over texts; NaN where no text has it."""
    found = by_text(name, texts)
    return found.mean(axis=0) if len(found) else np.full(found.shape[1], np.nan)


def resampled(values: Float[ndarray, "k n"]) -> Float[ndarray, "draws n"]:
    """Means over texts that are drawn with replacement: all of a text's tokens together."""
    k = len(values)
    counts = np.random.default_rng(SEED).multinomial(k, np.full(k, 1 / k), DRAWS)
    return counts @ values / k


def interval(values: Float[ndarray, " draws"]) -> tuple[float, float]:
    """The middle part of draws; infinite where some of them are."""
    tails = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tails, 1 - tails], method="inverted_cdf")
    return float(low), float(high)
