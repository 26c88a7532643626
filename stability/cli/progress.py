"""Progress on standard error: a bar where a person is watching, lines in a log."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module

# seconds between the lines of a log
LOG_INTERVAL = 30.0

Report = Callable[[int, int], None]


def waiting(title: str) -> AbstractContextManager[object]:
    """Say on standard error what takes its time, where a person is watching."""
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(title)


def import_torch() -> None:
    """Import what takes seconds, and say so."""
    with waiting("Starting"):
        import_module("stability.models")


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show counts as a bar with rate and time left on standard error; in a log, as lines."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    watched = sys.stderr.isatty()
    log, pace = Log(title), Pace()
    with Progress(*columns, console=Console(stderr=True), disable=not watched) as bar:
        task = bar.add_task(title, total=None, rate="")

        def report(done: int, of: int) -> None:
            rate = pace.rate(done)
            bar.update(task, completed=done, total=of, rate=_rate_text(rate))
            if not watched:
                log.report(done, of, rate)

        yield report


class Pace:
    """The rate at which a count has grown since it was first reported."""

    def __init__(self) -> None:
        self._began, self._first = time.monotonic(), -1

    def rate(self, done: int) -> float:
        """Counts a second; 0 until there are more than at first."""
        self._first = done if self._first < 0 else self._first
        # some clocks stand still for long
        return (done - self._first) / max(time.monotonic() - self._began, 1e-9)


class Log:
    """Lines on standard error, no more than one in `LOG_INTERVAL` but for the last."""

    def __init__(self, title: str) -> None:
        self._title, self._last = title, -math.inf

    def report(self, done: int, of: int, rate: float) -> None:
        """Print a line if it is time for one."""
        now = time.monotonic()
        if now - self._last < LOG_INTERVAL and done < of:
            return
        self._last = now
        left = f", {_rate_text(rate)}, about {(of - done) / rate:.0f} s left" if rate else ""
        print(f"{self._title} {done} of {of}{left}", file=sys.stderr, flush=True)


def _rate_text(rate: float) -> str:
    return f"{rate:.2g} a second" if rate else ""
