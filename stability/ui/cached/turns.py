"""Turns: networks run one at a time, the most urgent first, and who has waited long in between.

Two that share the cores take five times as long each.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType

# seconds after which who waits counts as most urgent, and for which it then keeps the turn
PATIENCE, SLICE = 1.0, 0.25


class Urgency(IntEnum):
    """How long the result of some work is waited for; the most urgent is the least number."""

    FIRST = 0  # a page shows nothing new before it is there
    TRUTH = 1
    CHIPS = 2
    PLANE = 3
    LONG = 4  # shows its progress, or is wanted only later


@dataclass(frozen=True, eq=False)
class _Waiting:
    urgency: Urgency
    since: float


class Turns:
    """A lock that is given to the most urgent of all who wait, and among equals to the first.

    Who has waited for `PATIENCE` counts as most urgent, and keeps the turn for a `SLICE`. The next
    slice begins no sooner than `PATIENCE` after the last: however many wait, all slices together are
    at most a fifth of the time, and nobody waits for ever.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._holder: _Waiting | None = None
        self._slice_ends = -float("inf")

    def acquire(
        self,
        urgency: Urgency = Urgency.FIRST,
        timeout: float | None = None,
        since: float | None = None,
    ) -> bool:
        """Wait for the turn; False if it has not come after `timeout` seconds.

        Who gave up and waits again keeps its place by the time `since` when it has waited.
        """
        me = _Waiting(urgency, self._now() if since is None else since)
        with self._changed:
            self._waiting.append(me)
            self._give()
            came = self._changed.wait_for(lambda: self._holder is me, timeout)
            if not came:
                self._waiting.remove(me)
        return came

    def release(self) -> None:
        """End the turn, and the slice."""
        with self._changed:
            self._holder = None
            self._slice_ends = min(self._slice_ends, self._now())
            self._give()

    def is_wanted(self, urgency: Urgency) -> bool:
        """Whether anyone waits who is as urgent as who has the turn, whose slice is over."""
        with self._changed:
            now = self._now()
            return now >= self._slice_ends and any(
                self._urgency_of(other, now) <= urgency for other in self._waiting
            )

    def is_idle(self) -> bool:
        """Whether nobody has the turn, or waits for it."""
        with self._changed:
            return self._holder is None and not self._waiting

    def _give(self) -> None:
        """Give the turn to whoever is next, unless it is taken."""
        if self._holder or not self._waiting:
            return
        now = self._now()
        self._holder = min(self._waiting, key=lambda one: (self._urgency_of(one, now), one.since))
        self._waiting.remove(self._holder)
        if self._is_overdue(self._holder, now):
            self._slice_ends = now + SLICE
        self._changed.notify_all()

    def _urgency_of(self, one: _Waiting, now: float) -> Urgency:
        return Urgency.FIRST if self._is_overdue(one, now) else one.urgency

    def _is_overdue(self, one: _Waiting, now: float) -> bool:
        return now - max(one.since, self._slice_ends) >= PATIENCE

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
