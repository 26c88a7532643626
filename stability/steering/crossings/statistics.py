"""Statistics of a divergence over the tokens of a text, and then over texts.

Those over tokens begin at the first token that is changed: before it there is no divergence. The first
token of a text is left out of them: its state is unlike all others. Of texts with one token alone there
is nothing to say, and they are left out.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError, require_distinct

DRAWS, COVERAGE, SEED = 400, 0.95, 0
LAST = "last"
# of (t, n), over the tokens that are read
STATISTICS: dict[str, Callable[[Float[ndarray, "t n"]], Float[ndarray, " n"]]] = {
    LAST: lambda values: values[-1],
    "mean": lambda values: values.mean(axis=0),
    "median": lambda values: np.median(values, axis=0),
    "p95": lambda values: np.quantile(values, 0.95, axis=0),
}


def require(*names: str) -> None:
    """Raise StabilityError for a statistic that is not known, and for one that is named twice."""
    if unknown := [name for name in names if name not in STATISTICS]:
        raise StabilityError(
            f"A statistic must be one of {', '.join(STATISTICS)}; received {unknown[0]!r:.40}: try p95."
        )
    require_distinct(names, "Statistics")


def read_by(name: str, start: int) -> slice:
    """The tokens that a statistic is over, of a text that is changed from `start` on."""
    return slice(-1, None) if name == LAST else slice(max(start, 1), None)


def of_text(name: str, values: Float[ndarray, "T n"], start: int) -> Float[ndarray, " n"]:
    """The statistic of one text that is changed from `start` on; NaN where it has no such token."""
    read = values[read_by(name, start)]
    return STATISTICS[name](read) if len(read) else np.full(values.shape[1], np.nan)


def by_text(
    name: str, texts: Sequence[Float[ndarray, "_ n"]], starts: Sequence[int]
) -> Float[ndarray, "k n"]:
    """The statistic of every text that has it."""
    pairs = zip(texts, starts, strict=True)
    of_each = np.stack([of_text(name, values, start) for values, start in pairs])
    return of_each[~np.isnan(of_each).any(axis=1)]


def over_texts(
    name: str, texts: Sequence[Float[ndarray, "_ n"]], starts: Sequence[int]
) -> Float[ndarray, " n"]:
    """The statistic, in the mean over texts; NaN where no text has it."""
    of_each = by_text(name, texts, starts)
    return of_each.mean(axis=0) if len(of_each) else np.full(of_each.shape[1], np.nan)


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
