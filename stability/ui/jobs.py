"""Long work in the background, shown with its progress by every session that waits for it.

Streamlit's caches cannot draw into a page from inside; here the work runs in a thread, and the page
looks at how far it is.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import streamlit as st

from stability.models.packaged import Report


class Jobs:
    """Results by key, the oldest forgotten; whoever asks for a running one waits for the same run."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._progress: dict[Hashable, tuple[str, float]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1)

    def get(self, key: Hashable, work: Callable[[Report], Any]) -> Any:
        """The result for a key; a failure is raised and forgotten, so that the next try is fresh."""
        future = self._future(key, work)
        if not future.done():
            slot = st.empty()
            while not wait([future], timeout=0.2).done:
                message, fraction = self._progress.get(key, ("Waiting", 0.0))
                slot.progress(fraction, message)
            slot.empty()
        if future.exception():
            with self._lock:
                self._entries.pop(key, None)
        return future.result()

    def _future(self, key: Hashable, work: Callable[[Report], Any]) -> Any:
        def report(message: str, fraction: float) -> None:
            self._progress[key] = (message, min(max(fraction, 0.0), 1.0))

        with self._lock:
            if key not in self._entries:
                self._entries[key] = self._pool.submit(work, report)
            self._entries.move_to_end(key)
            while len(self._entries) > self._max_entries:
                forgotten, _ = self._entries.popitem(last=False)
                self._progress.pop(forgotten, None)
            return self._entries[key]
