"""Progress: what long work tells whoever waits for it."""

from collections.abc import Callable

Report = Callable[
    [str, float], None
]  # a message, and the fraction done in [0, 1], never decreasing


def silent(message: str, fraction: float) -> None:
    """Report to nobody."""


def part(report: Report, start: float, stop: float) -> Report:
    """A report for one stage, which takes the given part of the whole."""
    return lambda message, fraction: report(message, start + (stop - start) * min(fraction, 1.0))
