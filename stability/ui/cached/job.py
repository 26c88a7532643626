"""One run of some work in the background: how far it is, who waits for it, and its turn."""

import threading
import time
from collections.abc import Callable, Iterator
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

# Held only around calls of the library, never while a page draws or asks a cache.
TURN = Turns()
# seconds without a page that looks, after which stoppable work ends
ABANDONED = 120.0
# seconds after which a page that waits looks whether it is still wanted
GIVE_UP = 0.1
# seconds of turns after which work is as long as any other
QUICK = 2.0
# the job that a thread runs, and since when it has the turn
_JOB: ContextVar["Job | None"] = ContextVar("_JOB", default=None)
_SINCE: ContextVar[float | None] = ContextVar("_SINCE", default=None)


@contextmanager
def turn() -> Iterator[None]:
    """A turn to run a network, of a page or of a job in the background.

    A visitor who moves a slider starts one run of the page after another, and those left behind wait
    too: looking into the session, or at the job, ends them here, before they begin what nobody will
    see.
    """
    _take()
    try:
        yield
    finally:
        _leave()


def make_way() -> None:
    """Let others go first who are as urgent as the work that has the turn, or have waited long.

    Work that nobody wants any more ends here.

    The library calls this between products with a state, and runs of the network.
    """
    since, job = _SINCE.get(), _JOB.get()
    if since is None:
        return
    if job:
        job.go_on()
    used = time.monotonic() - since
    if TURN.is_wanted(job.urgency_after(used) if job else Urgency.FIRST):
        _leave()
        _take()


def _take() -> None:
    """Wait for the turn, as long as it is wanted, in one place however often that is looked at."""
    job, since = _JOB.get(), time.monotonic()
    while True:
        if job:
            job.go_on()
        else:
            "anything" in st.session_state  # noqa: B015
        if TURN.acquire(job.urgency_after(0.0) if job else Urgency.FIRST, GIVE_UP, since):
            _SINCE.set(time.monotonic())
            return


def _leave() -> None:
    """Give the turn back, unless that has been done."""
    since, job = _SINCE.get(), _JOB.get()
    if since is None:
        return
    if job:
        job.used += time.monotonic() - since
    _SINCE.set(None)
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
        self.used = 0.0  # seconds of turns
        # the sessions that wait for it, of those that say so
        self.wishes: WeakSet[Any] = WeakSet()
        self._takes_turns = takes_turns
        self.future = pool.submit(self._run, work)

    def _run(self, work: Callable[[Report], Any]) -> Any:
        self.go_on()
        _JOB.set(self)
        try:
            with turn() if self._takes_turns else nullcontext():
                return work(self._report)
        finally:
            _JOB.set(None)

    def urgency_after(self, seconds: float) -> Urgency:
        """How urgent it is once it has had so many more seconds of turns: what takes long may wait."""
        return self.urgency if self.used + seconds < QUICK else Urgency.LONG

    def go_on(self) -> None:
        """Raise StoppedError if the work is no longer wanted."""
        if time.monotonic() > self.looked_at + ABANDONED:
            self.stop()
        if self.is_stopped or _is_server_stopping():
            raise StoppedError(f"{self.progress[0]} was stopped: start it again.")

    def _report(self, message: str, fraction: float) -> None:
        self.go_on()
        make_way()
        self.progress = (message, min(max(fraction, 0.0), 1.0))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the turn of work that takes turns to others."""
        if self._takes_turns:
            _leave()
        try:
            yield
        finally:
            if self._takes_turns:
                _take()

    def stop(self) -> None:
        """End the work at its next report, unless it is done."""
        if self.future.done():
            return
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


def awaited(other: Job, report: Report) -> Any:
    """The result of another job that one needs, whose progress the one shows meanwhile."""
    job = _JOB.get()
    while not other.future.done():
        report(*other.progress)
        with job.aside() if job else nullcontext():
            wait([other.future], GIVE_UP)
    return other.future.result()
