"""One run of some work in the background: how far it is, who waits for it, and its turn."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

import streamlit as st
from streamlit import runtime
from streamlit.runtime import RuntimeState

from stability.errors import StoppedError
from stability.models.progress import Report
from stability.ui.cached.turns import Turns, Urgency

# seconds, so that a thread that waits for its turn wakes up
PAUSE = 0.01
# Held only around calls of the library, never while a page draws or asks a cache.
TURN = Turns()
# seconds without a page that looks, after which stoppable work ends
ABANDONED = 120.0
# seconds after which a page that waits looks whether it is still wanted
GIVE_UP = 0.1


@contextmanager
def turn() -> Iterator[None]:
    """A turn to run a network, of a page or of a job in the background.

    A visitor who moves a slider starts one run of the page after another, and those left behind wait
    too: looking into the session, or at the job, ends them here, before they begin what nobody will
    see.
    """
    job = _JOB.get()
    urgency = job.urgency if job else Urgency.FIRST
    while True:
        if job:
            job.go_on()
        else:
            "anything" in st.session_state  # noqa: B015
        if TURN.acquire(urgency, GIVE_UP):
            break
    try:
        yield
    finally:
        TURN.release()


def _is_server_stopping() -> bool:
    """Whether the server is about to end, and waits for its threads."""
    ending = (RuntimeState.STOPPING, RuntimeState.STOPPED)
    return runtime.exists() and runtime.get_instance().state in ending


class Job:
    """One run of some work in the background, and how far it is."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        work: Callable[[Report], Any],
        takes_turns: bool,
        urgency: Urgency = Urgency.LONG,
    ) -> None:
        self.progress = ("Waiting", 0.0)
        self.is_stopped = False
        self.looked_at = float("inf")  # by a page that could stop it: work without a button goes on
        self.urgency = urgency
        # the sessions that wait for it, of those that say so
        self.wishes: WeakSet[Wishes] = WeakSet()
        self._takes_turns = takes_turns
        self.future = pool.submit(self._run, work)

    def _run(self, work: Callable[[Report], Any]) -> Any:
        self.go_on()
        _JOB.set(self)
        try:
            with self._turn():
                return work(self._report)
        finally:
            _JOB.set(None)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The turn for all of the work, if it takes turns."""
        if self._takes_turns:
            TURN.acquire(self.urgency)
        try:
            yield
        finally:
            if self._takes_turns:
                TURN.release()

    def go_on(self) -> None:
        """Raise StoppedError if the work is no longer wanted."""
        is_abandoned = time.monotonic() > self.looked_at + ABANDONED
        if self.is_stopped or is_abandoned or _is_server_stopping():
            raise StoppedError(f"{self.progress[0]} was stopped: start it again.")

    def _report(self, message: str, fraction: float) -> None:
        self.go_on()
        if self._takes_turns:  # whoever waits may go first
            with self.aside():
                time.sleep(PAUSE)
        self.progress = (message, min(max(fraction, 0.0), 1.0))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the turn of work that takes turns to others."""
        if self._takes_turns:
            TURN.release()
        try:
            yield
        finally:
            if self._takes_turns:
                TURN.acquire(self.urgency)

    def stop(self) -> None:
        """End the work at its next report."""
        self.is_stopped = True
        with _STOPPING:
            _stopped.add(self)

    @property
    def failed(self) -> bool:
        """Whether there will be no result."""
        return self.is_stopped or (self.future.done() and self.future.exception() is not None)

    @property
    def is_ready(self) -> bool:
        """Whether the result is there."""
        return self.future.done() and not self.failed


# jobs are stopped while others are listed
_STOPPING = threading.Lock()
_stopped: "WeakSet[Job]" = WeakSet()


def wait_for_stopped(seconds: float) -> None:
    """Wait until no other work that was stopped is under way any more, and no longer than this."""
    with _STOPPING:
        futures = [job.future for job in _stopped if job is not _JOB.get()]
    wait(futures, seconds)


# the job that a thread runs
_JOB: ContextVar[Job | None] = ContextVar("_JOB", default=None)


def awaited(other: Job, report: Report) -> Any:
    """The result of another job that one needs, whose progress the one shows meanwhile."""
    job = _JOB.get()
    while not other.future.done():
        report(*other.progress)
        with job.aside() if job else nullcontext():
            wait([other.future], GIVE_UP)
    return other.future.result()


# sessions renew their wishes in threads of their own, and share jobs
_WISHING = threading.Lock()


class Wishes:
    """What a session waits for; its newest change ends what was wanted before, and by nobody else."""

    def __init__(self) -> None:
        self._jobs: set[Job] = set()

    def renew(self, jobs: Iterable[Job]) -> None:
        """Wait for these jobs and no others."""
        wanted = set(jobs)
        with _WISHING:
            for job in wanted:
                job.wishes.add(self)
            for job in self._jobs - wanted:
                job.wishes.discard(self)
                if not job.wishes and not job.future.done():
                    job.stop()
            self._jobs = {job for job in wanted if not job.future.done()}
