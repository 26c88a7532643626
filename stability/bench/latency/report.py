"""Medians and 95th percentiles of timings, as plain data and as lines of text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stability.bench.latency.page import Timing
from stability.text import digits


def row(name: str, timings: Sequence[Timing]) -> dict[str, Any]:
    """The timings of one action: milliseconds to the painted frame, and bytes of one event."""
    milliseconds = np.array([timing.milliseconds for timing in timings])
    median, most = np.percentile(milliseconds, [50, 95])
    return {
        "action": name,
        "times": len(timings),
        "median": float(median),
        "percentile_95": float(most),
        "received": float(np.median([timing.received for timing in timings])),
        "sent": float(np.median([timing.sent for timing in timings])),
    }


def lines(report: dict[str, Any]) -> list[str]:
    """Write a report as lines of text."""
    machine = f"{report['processor']}, {report['cores']} cores, load {report['load']:.1f}"
    header = f"{'':32}{'times':>6}{'median ms':>11}{'95 % ms':>9}{'bytes in':>10}{'out':>8}"
    return [machine, header, *(_line(found) for found in report["rows"])]


def _line(found: dict[str, Any]) -> str:
    numbers = (digits(found[name]) for name in ("median", "percentile_95"))
    median, most = numbers
    return (
        f"{found['action']:32}{found['times']:6}{median:>11}{most:>9}"
        f"{found['received']:10.0f}{found['sent']:8.0f}"
    )
