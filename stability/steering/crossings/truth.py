"""The true doses on both sides: of tokens, of statistics, and of the most likely token's change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.exact.boundaries import NOT_REACHED, REACHED, UNRESOLVED
from stability.numerical import rounding
from stability.numerical.crossings import REACH
from stability.prediction.pause import Pause, no_pause
from stability.steering.crossings import statistics
from stability.steering.crossings.budget import UNDEFINED, Budget, number
from stability.steering.crossings.crossing import ACCURACY
from stability.steering.crossings.search import Side
from stability.steering.crossings.side_search import Interval, SideSearch
from stability.steering.passes.steered_text import SteeredText
from stability.text import in_nats

EARLY = 0.7  # of the smallest predicted dose: where sampling begins, or a part of the limit
SMALLEST_PART = 1e-3
PAIRS = 2  # of small coefficients, up and down
# a number for each token of each text
_ByToken = Sequence[Float[ndarray, " _"]]


@dataclass(frozen=True, eq=False)
class Truth:
    """First crossings of the texts' divergences, away from zero on both sides.

    In the arrays a dose is infinite where `ε` is not reached up to `limit`, and NaN where it is not
    resolved: rounding hides it, or the search has not come near enough.

    Attributes:
        epsilons: (m,), nats.
        doses: for each text (2, T, m), minus and plus. Empty where tokens were not asked for, as
            `flips` and `winners` are.
        flips: for each text (2, T), where the most likely token first changes.
        winners: for each text (2, T), ids of the tokens that take over there; −1 where none does.
        statistics: by name (2, m); NaN, too, where no text has the statistic.
        intervals: by name, for both sides and every `ε`, 95 % of draws of texts; None for one text.
        limit: the largest coefficient that was tried on both sides: there the change is `REACH` times
            as long as the states that it changes, unless the network overflows before.
        resolution: nats, for each text (T,): below, rounding moves a dose by more than a thousandth.
        starts: for each text the first position that is changed.
    """

    epsilons: Float[ndarray, " m"]
    doses: tuple[Float[ndarray, "2 _ m"], ...]
    flips: tuple[Float[ndarray, "2 _"], ...]
    winners: tuple[Int[ndarray, "2 _"], ...]
    statistics: dict[str, Float[ndarray, "2 m"]]
    intervals: dict[str, tuple[tuple[Interval, ...], tuple[Interval, ...]]]
    limit: float
    resolution: tuple[Float[ndarray, " _"], ...]
    starts: tuple[int, ...]

    def budget(self, name: str, epsilon: float, predicted: float | None) -> Budget:
        """The doses of a statistic on both sides, beside the predicted one.

        Raises StabilityError for a statistic or an `ε` that was not searched for.
        """
        columns = np.flatnonzero(self.epsilons == epsilon)
        if name not in self.statistics or not columns.size:
            asked = in_nats(", ".join(f"{each:g}" for each in self.epsilons))
            raise StabilityError(
                f"A truth answers for {', '.join(self.statistics) or 'no statistic'} at {asked}; "
                f"received {name} at {epsilon:g}: ask for it in `truth`, or leave the truth out."
            )
        column = int(columns[0])
        values = self.statistics[name][:, column]
        undefined = np.isnan(_hidden_below(name, self.resolution, self.starts))
        kinds = [UNDEFINED if undefined else kind(value) for value in values]
        minus, plus = (side[column] for side in self.intervals[name])
        return Budget(
            epsilon=epsilon,
            statistic=name,
            predicted=predicted,
            minus=number(values[0]),
            plus=number(values[1]),
            minus_interval=minus,
            plus_interval=plus,
            kinds=(kinds[0], kinds[1]),
            limit=self.limit,
        )


def kind(value: float) -> str:
    """How a dose of the arrays of a `Truth` is met."""
    if np.isnan(value):
        return UNRESOLVED
    return REACHED if np.isfinite(value) else NOT_REACHED


def find_truth(
    texts: Sequence[SteeredText],
    epsilons: Float[ndarray, " m"],
    information: _ByToken,
    names: Sequence[str],
    reverse: bool = False,
    tokens: bool = True,
    on_run: Pause = no_pause,
) -> Truth:
    """Find the first crossings of statistics, and of every token, on both sides.

    Call `on_run` before each run of the network: what it raises ends the search. Raises StabilityError
    for a statistic that is not known.
    """
    statistics.require(*names)
    reach = max(text.reach for text in texts)
    both = [
        SideSearch(Side(texts, sign, REACH * reach, reverse, on_run), epsilons, names, tokens)
        for sign in (-1, 1)
    ]
    resolution, logits = _resolution(texts, reach)
    starts = tuple(text.start for text in texts)
    for search in both:
        search.run(_first(_most(information, starts, names, tokens), epsilons, REACH * reach))
    # the sides are compared as far as both were searched
    limit = min(search.side.limit for search in both)
    measured = range(len(texts)) if tokens else range(0)
    changes = [[search.flips(k, limit, logits[k]) for search in both] for k in measured]
    return Truth(
        epsilons=epsilons,
        doses=tuple(
            np.stack([search.doses(k, limit, resolution[k]) for search in both]) for k in measured
        ),
        flips=tuple(np.stack([flips for flips, _ in sides]) for sides in changes),
        winners=tuple(np.stack([winners for _, winners in sides]) for sides in changes),
        statistics={
            name: np.stack(
                [
                    search.statistic(name, limit, _hidden_below(name, resolution, starts))
                    for search in both
                ]
            )
            for name in names
        },
        intervals={
            name: (both[0].intervals(name, limit), both[1].intervals(name, limit)) for name in names
        },
        limit=limit,
        resolution=resolution,
        starts=starts,
    )


def _hidden_below(name: str, resolution: _ByToken, starts: Sequence[int]) -> float:
    """The resolution of a statistic: the worst of the tokens that it reads; NaN if there are none."""
    pairs = zip(resolution, starts, strict=True)
    read = np.concatenate([each[statistics.read_by(name, start)] for each, start in pairs])
    return float(read.max()) if read.size else np.nan


def _most(
    information: _ByToken, starts: Sequence[int], names: Sequence[str], tokens: bool
) -> float:
    """The largest information of what is looked for."""
    if tokens:
        return max(float(each.max()) for each in information)
    columns = [each[:, None] for each in information]
    values = [float(statistics.over_texts(name, columns, starts)[0]) for name in names]
    return float(np.nan_to_num(values).max())


def _first(most: float, epsilons: Float[ndarray, " m"], limit: float) -> float:
    """Where sampling begins: before the first crossing, by the closed form."""
    predicted = fisher.radius(most, float(epsilons.min())) or limit
    return min(EARLY * predicted, SMALLEST_PART * limit) if predicted > limit else EARLY * predicted


def _resolution(
    texts: Sequence[SteeredText], reach: float
) -> tuple[tuple[Float[ndarray, " _"], ...], tuple[Float[ndarray, " _"], ...]]:
    """By token, the least `ε` whose dose rounding leaves to `ACCURACY`, and how far it moves a logit.

    As `numerical.rounding` measures them: in `y(c) + y(−c) − 2y(0)` the linear part cancels, and what
    is left has three times the variance of one displacement.
    """
    up = rounding.STEP * reach * np.arange(1, PAIRS + 1)
    resolution, logits = [], []
    for text in texts:
        there, back = text.vectors(np.concatenate([up, -up])).double().chunk(2)
        base = torch.stack([state.vector for state in text.states[text.first :]]).double()
        least, noise = np.zeros(len(text.states)), np.zeros(len(text.states))
        changed = dict.fromkeys(range(text.first, len(text.states)), range(PAIRS))
        for position, perturbed, shift in text.read(there + back - base, changed):
            least[position] = perturbed.kl.max() / 3 / ACCURACY**2
            noise[position] = float(shift.abs().max()) / 3**0.5
        resolution.append(least)
        logits.append(noise)
    return tuple(resolution), tuple(logits)
