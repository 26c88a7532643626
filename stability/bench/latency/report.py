"""Medians and 95th percentiles of timings, as plain data and as lines of text."""

import os
import platform
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


def machine() -> dict[str, Any]:
    """Where it was measured, and how busy that was with other work."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


def header() -> str:
    """The machine, and what stands in each column."""
    here = machine()
    named = f"{here['processor']}, {here['cores']} cores, load {here['load']:.1f}"
    return f"{named}\n{'':32}{'times':>6}{'median ms':>11}{'95 % ms':>9}{'bytes in':>10}{'out':>8}"


def line(found: dict[str, Any]) -> str:
    """Write a row as a line of text."""
    median, most = (digits(found[name]) for name in ("median", "percentile_95"))
    return (
        f"{found['action']:32}{found['times']:6}{median:>11}{most:>9}"
        f"{found['received']:10.0f}{found['sent']:8.0f}"
    )
