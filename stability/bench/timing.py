"""Time several methods for one result, in turns, so that other load on the machine hits all alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

REPEATS = 5
# seconds; a method that has taken more is not timed again
BUDGET = 15.0


@dataclass(frozen=True)
class Method:
    """One way to compute a result; `share` is the part of the whole work that one call does."""

    call: Callable[[], object]
    share: float = 1.0


@dataclass(frozen=True)
class Comparison:
    """One line of the bench: the library's time, that of its baselines, and the library's accuracy.

    `what` is the task. `seconds` and the values of `baselines` are medians for the whole work;
    `accuracy` has relative errors or counts, each under its own name.
    """

    suite: str
    what: str
    seconds: float
    baselines: Mapping[str, float] = field(default_factory=dict)
    accuracy: Mapping[str, float] = field(default_factory=dict)

    def ratio(self, baseline: str) -> float:
        """The time of a baseline over the library's."""
        return self.baselines[baseline] / self.seconds


def median_seconds(methods: Mapping[str, Method]) -> dict[str, float]:
    """Time each method, after one call to warm up, and scale its median to the whole work.

    The methods take turns; a slow one is called less often, down to once.
    """
    times: dict[str, list[float]] = {name: [] for name in methods}
    for name, method in methods.items():
        if (first := timed(method.call)) > BUDGET / REPEATS:
            times[name].append(first)
    for _ in range(REPEATS):
        for name, method in methods.items():
            if sum(times[name]) < BUDGET:
                times[name].append(timed(method.call))
    return {name: statistics.median(times[name]) / method.share for name, method in methods.items()}


def compare(
    suite: str,
    what: str,
    library: Method,
    baselines: Mapping[str, Method],
    accuracy: Mapping[str, float],
) -> Comparison:
    """Time the library's method and its baselines in turns."""
    times = median_seconds({"": library, **baselines})
    return Comparison(suite, what, times.pop(""), times, accuracy)


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
