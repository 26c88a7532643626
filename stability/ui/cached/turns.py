"""Turns: networks run one at a time, the most urgent first.

Two that share the cores take five times as long each.
"""

import heapq
import itertools
import threading
from enum import IntEnum
from types import TracebackType


class Urgency(IntEnum):
    """How long the result of some work is waited for; the most urgent is the least number."""

    FIRST = 0  # a page shows nothing new before it is there
    TRUTH = 1
    CHIPS = 2
    PLANE = 3
    LONG = 4  # shows its progress, or is wanted only later


class Turns:
    """A lock that is given to the most urgent of all who wait, and among equals to the first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._number = itertools.count()
        self._is_taken = False

    def acquire(self, urgency: Urgency = Urgency.FIRST, timeout: float | None = None) -> bool:
        """Wait for the turn; False if it has not come after `timeout` seconds."""
        me = (int(urgency), next(self._number))
        with self._changed:
            heapq.heappush(self._waiting, me)
            came = self._changed.wait_for(lambda: self._is_next(me), timeout)
            self._waiting.remove(me)
            heapq.heapify(self._waiting)
            self._is_taken = self._is_taken or came
            # whoever stood behind one that gave up may be next
            self._changed.notify_all()
        return came

    def release(self) -> None:
        """End the turn."""
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()

    def is_wanted(self, urgency: Urgency) -> bool:
        """Whether anyone waits who is as urgent."""
        with self._changed:
            return bool(self._waiting) and self._waiting[0][0] <= urgency

    def is_idle(self) -> bool:
        """Whether nobody has the turn, or waits for it."""
        with self._changed:
            return not (self._is_taken or self._waiting)

    def _is_next(self, me: tuple[int, int]) -> bool:
        return not self._is_taken and self._waiting[0] == me

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
