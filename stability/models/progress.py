"""Progress reports: a message, and the fraction of the work that is done."""

from collections.abc import Callable

# a message, and the fraction done in [0, 1], which never decreases
Report = Callable[[str, float], None]


def silent(message: str, fraction: float) -> None:
    """Report nothing."""


def part(report: Report, start: float, stop: float) -> Report:
    """Return the report of one stage, whose fractions 0 to 1 are `start` to `stop` of the whole."""
    return lambda message, fraction: report(message, start + (stop - start) * min(fraction, 1.0))
