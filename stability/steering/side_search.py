"""What is looked for on one side of a dose: crossings of tokens and statistics, changed tokens."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.steering import statistics
from stability.steering.crossing import Crossing, first_crossing
from stability.steering.search import Place, Side

Interval = tuple[float, float] | None


def number(value: float) -> float | None:
    """A dose as a number; None where there is none."""
    return float(value) if np.isfinite(value) else None


class SideSearch:
    """One side, with what is looked for on it."""

    def __init__(
        self, side: Side, epsilons: Float[ndarray, " m"], names: Sequence[str], tokens: bool
    ) -> None:
        self.side, self.epsilons, self.names = side, epsilons.tolist(), names
        self.tokens = side.places if tokens else []

    def run(self, first: float) -> None:
        """Sample, and refine all that is looked for."""
        self.side.sample(first, self._open)
        self.side.refine(self._crossings)

    def _open(self) -> Collection[Place]:
        """The places of what has not been reached; a statistic needs all."""
        places = {place for place, crossing in self._crossings() if crossing is None}
        return self.side.places if None in places else [p for p in places if p is not None]

    def _crossings(self) -> list[tuple[Place | None, Crossing | None]]:
        side = self.side
        found: list[tuple[Place | None, Crossing | None]] = []
        for place in self.tokens:
            found += [(place, side.kl_crossing(place, epsilon)) for epsilon in self.epsilons]
            found.append((place, side.flip(place)))
        for name in self.names:
            found += [(None, self._statistic(name, epsilon)) for epsilon in self.epsilons]
        return found

    def _statistic(self, name: str, epsilon: float) -> Crossing | None:
        return self.side.statistic_crossing(
            lambda texts: statistics.over_texts(name, texts), epsilon
        )

    def doses(
        self, text: int, limit: float, resolution: Float[ndarray, " T"]
    ) -> Float[ndarray, "T m"]:
        """The first crossings of a text's tokens."""
        found = np.full((len(resolution), len(self.epsilons)), np.inf)
        for place in self.side.places:
            for column, epsilon in enumerate(self.epsilons):
                if place[0] == text:
                    crossing = self.side.kl_crossing(place, epsilon)
                    found[place[1], column] = _within(
                        crossing, limit, epsilon, resolution[place[1]]
                    )
        return found

    def flips(self, text: int, limit: float, length: int) -> Float[ndarray, " T"]:
        """The first changes of the most likely token."""
        found = np.full(length, np.inf)
        for place in self.side.places:
            if place[0] == text:
                found[place[1]] = _within(self.side.flip(place), limit)
        return found

    def winners(self, text: int, limit: float, length: int) -> Int[ndarray, " T"]:
        """The tokens that take over at the first changes; −1 where none does."""
        found = np.full(length, -1)
        for k, position in self.side.places:
            crossing = self.side.flip((k, position)) if k == text else None
            if crossing is not None and crossing.place <= limit:
                found[position] = self.side.samples[k, position][crossing.high].winner
        return found

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
