"""What is looked for on one side of a dose: crossings of tokens and statistics, changed tokens."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.steering.crossings import statistics
from stability.steering.crossings.crossing import Crossing, first_crossing
from stability.steering.crossings.search import Place, Side

Interval = tuple[float, float] | None


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
        crossings: list[tuple[Place | None, Crossing | None]] = []
        for place in self.tokens:
            crossings += [(place, side.kl_crossing(place, epsilon)) for epsilon in self.epsilons]
            crossings.append((place, side.flip(place)))
        for name in self.names:
            crossings += [(None, self._statistic(name, epsilon)) for epsilon in self.epsilons]
        return crossings

    def _statistic(self, name: str, epsilon: float) -> Crossing | None:
        return self.side.statistic_crossing(
            lambda texts: statistics.over_texts(name, texts, self.side.starts), epsilon
        )

    def doses(
        self, text: int, limit: float, resolution: Float[ndarray, " T"]
    ) -> Float[ndarray, "T m"]:
        """The first crossings of a text's tokens; NaN where they are not resolved."""
        doses = np.full((len(resolution), len(self.epsilons)), np.inf)
        for place in self.side.places:
            for column, epsilon in enumerate(self.epsilons):
                if place[0] == text:
                    crossing = self.side.kl_crossing(place, epsilon)
                    doses[place[1], column] = _within(
                        crossing, limit, epsilon, resolution[place[1]]
                    )
        return doses

    def flips(
        self, text: int, limit: float, rounding: Float[ndarray, " T"]
    ) -> tuple[Float[ndarray, " T"], Int[ndarray, " T"]]:
        """The first changes of the most likely token, and the tokens that take over.

        NaN where a change is not resolved; −1 where no token takes over, or it is not known where.
        """
        flips, winners = np.full(len(rounding), np.inf), np.full(len(rounding), -1)
        for place in self.side.places:
            crossing = self.side.flip(place) if place[0] == text else None
            if crossing is None or crossing.coefficient > limit:
                continue
            i = place[1]
            if crossing.is_found and self.side.is_flip_resolved(
                place, crossing, float(rounding[i])
            ):
                flips[i] = crossing.coefficient
                winners[i] = self.side.samples[place][crossing.high].winner
            else:
                flips[i] = np.nan
        return flips, winners

    def statistic(self, name: str, limit: float, resolution: float) -> Float[ndarray, " m"]:
        """The first crossings of a statistic; NaN where they are not resolved, and for no statistic."""
        if np.isnan(resolution):
            return np.full(len(self.epsilons), np.nan)
        crossings = [self._statistic(name, epsilon) for epsilon in self.epsilons]
        pairs = zip(crossings, self.epsilons, strict=True)
        return np.array([_within(each, limit, epsilon, resolution) for each, epsilon in pairs])

    def intervals(self, name: str, limit: float) -> tuple[Interval, ...]:
        """The spread of a statistic's crossings over draws of texts, for every `ε`."""
        c, by_text = self.side.shared()
        values = statistics.by_text(name, by_text, self.side.starts)
        if len(values) < 2:
            return (None,) * len(self.epsilons)
        draws = statistics.resampled(values)

        def coefficient(row: Float[ndarray, " m"], epsilon: float) -> float:
            # between the samples that are there: draws are not refined
            crossing = first_crossing(c, row, epsilon)
            return (
                np.inf if crossing is None or crossing.coefficient > limit else crossing.coefficient
            )

        return tuple(
            statistics.interval(np.array([coefficient(row, epsilon) for row in draws]))
            for epsilon in self.epsilons
        )


def _within(crossing: Crossing | None, limit: float, epsilon: float, resolution: float) -> float:
    """A dose: infinite if it is not reached up to the limit, NaN if it is not resolved."""
    if epsilon < resolution:
        return np.nan
    if crossing is None or crossing.coefficient > limit:
        return np.inf
    return crossing.coefficient if crossing.is_found else np.nan
