"""Long work in the background, shown with its progress by every session that waits for it.

Streamlit's caches cannot draw into a page from inside; here the work runs in a thread, and the page
looks at how far it is.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from typing import Any
from weakref import WeakSet

import streamlit as st
from streamlit import runtime
from streamlit.runtime import RuntimeState

from stability.errors import StoppedError
from stability.models.progress import Report
from stability.ui.wording import plain

# called when a visitor stops the work; None: there is no button to stop it
Stop = Callable[[], None] | None
# seconds, so that a thread that waits for its turn wakes up
PAUSE = 0.01
# Networks run one at a time: two that share the cores take five times as long each. Held only around
# calls of the library, never while a page draws or asks a cache.
TURN = threading.Lock()
# seconds without a page that looks, after which stoppable work ends
ABANDONED = 120.0
# all that keep results, so that those of a model which is let go can be forgotten
STORES: "WeakSet[Jobs]" = WeakSet()
# seconds after which a page that waits looks whether it is still wanted
GIVE_UP = 0.1


@contextmanager
def turn() -> Iterator[None]:
    """A page's turn to run a network.

    A visitor who moves a slider starts one run of the page after another, and those left behind wait
    too: looking into the session ends them here, before they begin what nobody will see.
    """
    while True:
        "anything" in st.session_state  # noqa: B015
        if TURN.acquire(timeout=GIVE_UP):
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
        self, pool: ThreadPoolExecutor, work: Callable[[Report], Any], takes_turns: bool
    ) -> None:
        self.progress = ("Waiting", 0.0)
        self.is_stopped = False
        self.looked_at = float("inf")  # by a page that could stop it: work without a button goes on
        self._takes_turns = takes_turns
        self.future = pool.submit(self._run, work)

    def _run(self, work: Callable[[Report], Any]) -> Any:
        with TURN if self._takes_turns else nullcontext():
            return work(self._report)

    def _report(self, message: str, fraction: float) -> None:
        is_abandoned = time.monotonic() > self.looked_at + ABANDONED
        if self.is_stopped or is_abandoned or _is_server_stopping():
            raise StoppedError(f"{self.progress[0]} was stopped: start it again.")
        if self._takes_turns:  # whoever waits may go first
            TURN.release()
            time.sleep(PAUSE)
            TURN.acquire()
        self.progress = (message, min(max(fraction, 0.0), 1.0))

    def stop(self) -> None:
        """End the work at its next report."""
        self.is_stopped = True

    @property
    def failed(self) -> bool:
        """Whether there will be no result."""
        return self.is_stopped or (self.future.done() and self.future.exception() is not None)

    @property
    def is_ready(self) -> bool:
        """Whether the result is there."""
        return self.future.done() and not self.failed


class Jobs:
    """Results by key, the oldest forgotten; whoever asks for a running one waits for the same run.

    Work that takes turns runs beside no other network, and lets others in at each of its reports.
    """

    def __init__(self, max_entries: int, takes_turns: bool = False, at_once: int = 1) -> None:
        self._max_entries, self._takes_turns = max_entries, takes_turns
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=at_once)
        STORES.add(self)

    def get(
        self,
        key: Hashable,
        work: Callable[[Report], Any],
        on_stop: Stop = None,
    ) -> Any:
        """The result for a key; a failure is raised to all who wait, and the next try is fresh.

        With `on_stop` there is a button to stop the work, at its next report and for all who wait; it
        also stops when no page has looked for two minutes.
        """
        job = self.start(key, work)
        if not job.future.done():
            slots = [st.empty()]

            def stop() -> None:
                job.stop()
                if on_stop:
                    on_stop()

            if on_stop:
                slots.append(st.empty())
                slots[1].button("Stop", on_click=stop, key=f"stop {id(job)}")
            while not wait([job.future], timeout=0.2).done:
                if on_stop or job.looked_at < float("inf"):
                    job.looked_at = time.monotonic()
                message, fraction = job.progress
                slots[0].progress(fraction, plain(message))
            for slot in slots:
                slot.empty()
        return job.future.result()

    def has(self, key: Hashable) -> bool:
        """Whether the result for a key is there, or on its way."""
        with self._lock:
            return key in self._jobs and not self._jobs[key].failed

    def find(self, key: Hashable) -> Job | None:
        """The run for a key, under way, done or failed; None if there is none."""
        with self._lock:
            return self._jobs.get(key)

    def ready(self) -> set[Hashable]:
        """The keys of the results that are there."""
        with self._lock:
            return {key for key, job in self._jobs.items() if job.is_ready}

    def forget(self, is_stale: Callable[[Hashable], bool]) -> None:
        """Forget the results whose keys are stale; work under way goes on."""
        with self._lock:
            self._forget([key for key, job in self._jobs.items() if job.is_ready and is_stale(key)])

    def start(self, key: Hashable, work: Callable[[Report], Any]) -> Job:
        """The run for a key, begun unless it is under way or done; nothing is waited for."""
        with self._lock:
            self._forget([old for old, job in self._jobs.items() if job.failed])
            if key not in self._jobs:
                self._jobs[key] = Job(self._pool, work, self._takes_turns)
            self._jobs.move_to_end(key)
            # a job under way stays, or whoever asks for it next would start it again
            done = [old for old, job in self._jobs.items() if job.future.done() and old != key]
            self._forget(done[: max(len(self._jobs) - self._max_entries, 0)])
            return self._jobs[key]

    def _forget(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            del self._jobs[key]
