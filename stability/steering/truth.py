"""The true doses on both sides: of every token, of statistics, and of the most likely token's change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.prediction.perturbation import Perturbed
from stability.steering import statistics
from stability.steering.crossing import Crossing, first_crossing
from stability.steering.search import Place, Side
from stability.steering.steered_text import SteeredText, reverse_kl

REACH = 5.0  # how many times as long as the states a change may be
EARLY = 0.5  # of the smallest predicted dose: where sampling begins, or a part of the limit
SMALLEST_PART = 1e-3
Interval = tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Truth:
    """First crossings of the texts' divergences, away from zero on both sides.

    Attributes:
        epsilons: (m,), nats.
        doses: for each text (2, T, m), minus and plus; infinite where `ε` is not reached.
        flips: for each text (2, T): where the most likely token first changes; infinite where it does not.
        statistics: by name (2, m).
        intervals: by name, for both sides and every `ε`, 95 % of draws of texts; None for one text.
        limit: the largest coefficient that was tried.
        resolution: nats; below, rounding hides where a divergence is reached, and doses are NaN.
    """

    epsilons: Float[ndarray, " m"]
    doses: tuple[Float[ndarray, "2 T m"], ...]
    flips: tuple[Float[ndarray, "2 T"], ...]
    statistics: dict[str, Float[ndarray, "2 m"]]
    intervals: dict[str, tuple[tuple[Interval, ...], tuple[Interval, ...]]]
    limit: float
    resolution: float

    def budget(
        self, name: str, epsilon: float
    ) -> tuple[float | None, float | None, Interval, Interval]:
        """The doses of a statistic on both sides, and their intervals."""
        column = int(np.flatnonzero(self.epsilons == epsilon)[0])
        minus, plus = map(number, self.statistics[name][:, column])
        low, high = (side[column] for side in self.intervals[name])
        return minus, plus, low, high


def number(value: float) -> float | None:
    """A dose as a number; None where there is none."""
    return float(value) if np.isfinite(value) else None


def find_truth(
    texts: Sequence[SteeredText],
    epsilons: Float[ndarray, " m"],
    information: Sequence[Float[ndarray, " T"]],
    names: Sequence[str],
    reverse: bool = False,
) -> Truth:
    """Find the first crossings of every token and statistic on both sides.

    Raises StabilityError for a statistic that is not known.
    """
    if unknown := [name for name in names if name not in statistics.STATISTICS]:
        raise StabilityError(
            f"A statistic must be one of {', '.join(statistics.STATISTICS)}; received "
            f"{unknown[0]!r:.40}: try p95."
        )
    divergence = reverse_kl if reverse else _kl
    limit = REACH * max(text.reach for text in texts)
    both = [_Search(Side(texts, sign, limit, divergence), epsilons, names) for sign in (-1, 1)]
    resolution = _resolution(texts, limit)
    for search in both:
        search.run(_first(information, epsilons, limit))
    return Truth(
        epsilons=epsilons,
        doses=tuple(
            np.stack([search.doses(k, limit, resolution) for search in both])
            for k in range(len(texts))
        ),
        flips=tuple(
            np.stack([search.flips(k, limit) for search in both]) for k in range(len(texts))
        ),
        statistics={
            name: np.stack([search.statistic(name, limit, resolution) for search in both])
            for name in names
        },
        intervals={
            name: (both[0].intervals(name, limit), both[1].intervals(name, limit)) for name in names
        },
        limit=limit,
        resolution=resolution,
    )


def _kl(found: Perturbed) -> Float[ndarray, " n"]:
    return found.kl


def _first(
    information: Sequence[Float[ndarray, " T"]], epsilons: Float[ndarray, " m"], limit: float
) -> float:
    """Where sampling begins: before the first crossing, by the closed form."""
    most = max(float(found.max()) for found in information)
    predicted = fisher.radius(most, float(epsilons.min())) or limit
    return min(EARLY * predicted, SMALLEST_PART * limit) if predicted > limit else EARLY * predicted


def _resolution(texts: Sequence[SteeredText], limit: float) -> float:
    return 0.0


class _Search:
    """One side, with what is looked for on it."""

    def __init__(self, side: Side, epsilons: Float[ndarray, " m"], names: Sequence[str]) -> None:
        self.side, self.epsilons, self.names = side, epsilons.tolist(), names

    def run(self, first: float) -> None:
        """Sample, and refine all that is looked for."""
        self.side.sample(first, self._is_done)
        self.side.refine(self._crossings)

    def _is_done(self) -> bool:
        return all(crossing is not None for _, crossing in self._crossings())

    def _crossings(self) -> list[tuple[Place | None, Crossing | None]]:
        side, found = self.side, []
        for place in side.places:
            found += [(place, side.kl_crossing(place, epsilon)) for epsilon in self.epsilons]
            found.append((place, side.flip(place)))
        for name in self.names:
            found += [(None, self._statistic(name, epsilon)) for epsilon in self.epsilons]
        return found

    def _statistic(self, name: str, epsilon: float) -> Crossing | None:
        return self.side.statistic_crossing(
            lambda texts: statistics.over_texts(name, texts), epsilon
        )

    def doses(self, text: int, limit: float, resolution: float) -> Float[ndarray, "T m"]:
        """The first crossings of a text's tokens."""
        places = [place for place in self.side.places if place[0] == text]
        find: Callable[[Place, float], Crossing | None] = self.side.kl_crossing
        return np.array(
            [
                [
                    _within(find(place, epsilon), limit, epsilon, resolution)
                    for epsilon in self.epsilons
                ]
                for place in places
            ]
        )

    def flips(self, text: int, limit: float) -> Float[ndarray, " T"]:
        """The first changes of the most likely token."""
        places = [place for place in self.side.places if place[0] == text]
        return np.array([_within(self.side.flip(place), limit) for place in places])

    def statistic(self, name: str, limit: float, resolution: float) -> Float[ndarray, " m"]:
        """The first crossings of a statistic."""
        found = [self._statistic(name, epsilon) for epsilon in self.epsilons]
        pairs = zip(found, self.epsilons, strict=True)
        return np.array([_within(each, limit, epsilon, resolution) for each, epsilon in pairs])

    def intervals(self, name: str, limit: float) -> tuple[Interval, ...]:
        """The spread of a statistic's crossings over draws of texts, for every `ε`."""
        c, by_text = self.side.shared()
        values = statistics.by_text(name, by_text)
        if len(values) < 2:
            return (None,) * len(self.epsilons)
        draws = statistics.resampled(values)
        return tuple(
            statistics.interval(
                np.array([_within(first_crossing(c, row, epsilon), limit) for row in draws])
            )
            for epsilon in self.epsilons
        )


def _within(
    crossing: Crossing | None, limit: float, epsilon: float = np.inf, resolution: float = 0.0
) -> float:
    if epsilon < resolution:
        return np.nan
    return crossing.place if crossing is not None and crossing.place <= limit else np.inf
