"""Long work in the background, shown with its progress by every session that waits for it.

Streamlit's caches cannot draw into a page from inside; here the work runs in a thread, and the page
looks at how far it is.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any
from weakref import WeakSet

import streamlit as st

from stability.models.progress import Report
from stability.ui.cached.job import Job
from stability.ui.cached.turns import Urgency
from stability.ui.wording import plain

# called when a visitor stops the work; None: there is no button to stop it
Stop = Callable[[], None] | None
# all that keep results, so that those of a model which is let go can be forgotten
STORES: "WeakSet[Jobs]" = WeakSet()


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
        """Forget the results and failures whose keys are stale; work under way goes on."""
        with self._lock:
            done = [key for key, job in self._jobs.items() if job.future.done()]
            self._forget(filter(is_stale, done))

    def leave(self, is_stale: Callable[[Hashable], bool]) -> None:
        """Forget what is stale, and what is under way once it ends: nobody waits for it."""
        self.forget(is_stale)
        with self._lock:
            under_way = [(key, job) for key, job in self._jobs.items() if is_stale(key)]
        for key, job in under_way:
            job.future.add_done_callback(partial(self._drop, key, job))

    def start(
        self, key: Hashable, work: Callable[[Report], Any], urgency: Urgency = Urgency.LONG
    ) -> Job:
        """The run for a key, begun unless it is under way or done; nothing is waited for."""
        with self._lock:
            self._forget([old for old, job in self._jobs.items() if job.failed])
            if key not in self._jobs:
                self._jobs[key] = Job(self._pool, work, self._takes_turns, urgency)
            self._jobs.move_to_end(key)
            # a job under way stays, or whoever asks for it next would start it again
            done = [old for old, job in self._jobs.items() if job.future.done() and old != key]
            self._forget(done[: max(len(self._jobs) - self._max_entries, 0)])
            return self._jobs[key]

    def _drop(self, key: Hashable, job: Job, _: Any) -> None:
        with self._lock:
            if self._jobs.get(key) is job:
                del self._jobs[key]

    def _forget(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            del self._jobs[key]
