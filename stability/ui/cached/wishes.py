"""What sessions wait for: work in the background ends when nobody does any more."""

import threading
import time
from collections.abc import Iterable

from stability.ui.cached.job import Job

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
                job.looked_at = time.monotonic()
            for job in self._jobs - wanted:
                job.wishes.discard(self)
                if not job.wishes and not job.future.done():
                    job.stop()
            self._jobs = {job for job in wanted if not job.future.done()}
