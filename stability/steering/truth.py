"""The true doses on both sides: of tokens, of statistics, and of the most likely token's change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from stability.curvature import fisher
from stability.numerical.rounding import ACCURACY, STEP
from stability.steering import statistics
from stability.steering.search import Side
from stability.steering.side_search import Interval, SideSearch, number
from stability.steering.steered_text import SteeredText

REACH = 5.0  # how many times as long as the states a change may be
EARLY = 0.7  # of the smallest predicted dose: where sampling begins, or a part of the limit
SMALLEST_PART = 1e-3
PAIRS = 2  # of small coefficients, up and down


@dataclass(frozen=True, eq=False)
class Truth:
    """First crossings of the texts' divergences, away from zero on both sides.

    Attributes:
        epsilons: (m,), nats.
        doses: for each text (2, T, m), minus and plus; infinite where `ε` is not reached. None where
            tokens were not asked for, as of `flips` and `winners`.
        flips: for each text (2, T), where the most likely token first changes; infinite where never.
        winners: for each text (2, T), ids of the tokens that take over there; −1 where none does.
        statistics: by name (2, m).
        intervals: by name, for both sides and every `ε`, 95 % of draws of texts; None for one text.
        limit: the largest coefficient that was tried.
        resolution: nats, for each text (T,): below, rounding hides where a divergence is reached, and
            doses are NaN.
    """

    epsilons: Float[ndarray, " m"]
    doses: tuple[Float[ndarray, "2 _ m"], ...]
    flips: tuple[Float[ndarray, "2 _"], ...]
    winners: tuple[Int[ndarray, "2 _"], ...]
    statistics: dict[str, Float[ndarray, "2 m"]]
    intervals: dict[str, tuple[tuple[Interval, ...], tuple[Interval, ...]]]
    limit: float
    resolution: tuple[Float[ndarray, " _"], ...]

    def budget(
        self, name: str, epsilon: float
    ) -> tuple[float | None, float | None, Interval, Interval]:
        """The doses of a statistic on both sides, and their intervals."""
        column = int(np.flatnonzero(self.epsilons == epsilon)[0])
        minus, plus = map(number, self.statistics[name][:, column])
        low, high = (side[column] for side in self.intervals[name])
        return minus, plus, low, high


def find_truth(
    texts: Sequence[SteeredText],
    epsilons: Float[ndarray, " m"],
    information: Sequence[Float[ndarray, " _"]],
    names: Sequence[str],
    reverse: bool = False,
    tokens: bool = True,
) -> Truth:
    """Find the first crossings of statistics, and of every token, on both sides.

    Raises StabilityError for a statistic that is not known.
    """
    statistics.require(*names)
    limit = REACH * max(text.reach for text in texts)
    both = [
        SideSearch(Side(texts, sign, limit, reverse), epsilons, names, tokens) for sign in (-1, 1)
    ]
    measured = texts if tokens else ()
    resolution = _resolution(texts, limit)
    worst = max(float(found.max()) for found in resolution)
    for search in both:
        search.run(_first(_most(information, names, tokens), epsilons, limit))
    return Truth(
        epsilons=epsilons,
        doses=tuple(
            np.stack([search.doses(k, limit, resolution[k]) for search in both])
            for k in range(len(measured))
        ),
        flips=tuple(
            np.stack([search.flips(k, limit, len(text.states)) for search in both])
            for k, text in enumerate(measured)
        ),
        winners=tuple(
            np.stack([search.winners(k, limit, len(text.states)) for search in both])
            for k, text in enumerate(measured)
        ),
        statistics={
            name: np.stack([search.statistic(name, limit, worst) for search in both])
            for name in names
        },
        intervals={
            name: (both[0].intervals(name, limit), both[1].intervals(name, limit)) for name in names
        },
        limit=limit,
        resolution=resolution,
    )


def _most(information: Sequence[Float[ndarray, " _"]], names: Sequence[str], tokens: bool) -> float:
    """The largest information of what is looked for."""
    if tokens:
        return max(float(found.max()) for found in information)
    columns = [found[:, None] for found in information]
    found = [float(statistics.over_texts(name, columns)[0]) for name in names]
    return float(np.nan_to_num(found).max())


def _first(most: float, epsilons: Float[ndarray, " m"], limit: float) -> float:
    """Where sampling begins: before the first crossing, by the closed form."""
    predicted = fisher.radius(most, float(epsilons.min())) or limit
    return min(EARLY * predicted, SMALLEST_PART * limit) if predicted > limit else EARLY * predicted


def _resolution(texts: Sequence[SteeredText], limit: float) -> tuple[Float[ndarray, " _"], ...]:
    """The least `ε`, by token, whose dose rounding leaves to `ACCURACY`.

    As `numerical.rounding` measures it: in `y(c) + y(−c) − 2y(0)` the linear part cancels.
    """
    up = STEP * limit / REACH * np.arange(1, PAIRS + 1)
    found = []
    for text in texts:
        both = text.vectors(np.concatenate([up, -up])).double()
        there, back = both.chunk(2)
        base = torch.stack([state.vector for state in text.states[text.first :]]).double()
        curved = there + back - base
        everywhere = dict.fromkeys(range(len(text.states)), range(PAIRS))
        kl = [each.kl.max() / 3 for _, each, _ in text.read(curved, everywhere)]
        found.append(np.array(kl) / ACCURACY**2)
    return tuple(found)
