"""Times of several ways to do one thing, measured in turns so that a busy machine hits all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

REPEATS = 5
BUDGET = 15.0  # seconds; a way that has taken more is not timed again


@dataclass(frozen=True)
class Way:
    """One way to get a result; `share` is the part of the whole work that a call does."""

    call: Callable[[], object]
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the bench: ours, the baselines, and how accurate ours is.

    `seconds` and the values of `baselines` are medians for the whole work; `accuracy` holds relative
    errors or other numbers, each under its own name.
    """

    suite: str
    what: str
    seconds: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    accuracy: Mapping[str, float] = field(default_factory=dict)

    def ratio(self, baseline: str) -> float:
        """How many times as long the baseline takes."""
        return self.baselines[baseline] / self.seconds


def medians(ways: Mapping[str, Way]) -> dict[str, float]:
    """Median seconds of each way, scaled to the whole work, after one call to warm up.

    The ways take turns; what is slow is called less often, down to once.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for name, way in ways.items():
        if (first := timed(way.call)) > BUDGET / REPEATS:
            times[name].append(first)
    for _ in range(REPEATS):
        for name, way in ways.items():
            if sum(times[name]) < BUDGET:
                times[name].append(timed(way.call))
    return {name: statistics.median(times[name]) / way.share for name, way in ways.items()}


def measured(
    suite: str,
    what: str,
    ours: Way,
    baselines: Mapping[str, Way],
    accuracy: Mapping[str, float],
) -> Row:
    """A row from ways timed in turns."""
    times = medians({"": ours, **baselines})
    return Row(suite, what, times.pop(""), times, accuracy)


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call takes, until the device has finished."""
    _synchronize()
    start = time.perf_counter()
    call()
    _synchronize()
    return time.perf_counter() - start


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
