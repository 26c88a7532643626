"""The same work alone, and beside processes that keep the other cores busy."""

import os
import subprocess
import sys
from collections.abc import Sequence

from stability.bench.spectrum import EIGENPAIRS
from stability.bench.timing import Comparison, Method, median_seconds
from stability.curvature.spectrum import spectrum
from stability.prediction.state import State


def compare_threads(states: Sequence[State]) -> list[Comparison]:
    """The top eigenpairs while other processes keep all cores but one busy, and alone."""
    work = {"": Method(lambda: spectrum(states[-1], EIGENPAIRS))}
    alone = median_seconds(work)[""]
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(max((os.cpu_count() or 1) - 1, 1))]
    try:
        beside = median_seconds(work)[""]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    task = f"top {EIGENPAIRS} eigenpairs beside {len(busy)} busy processes"
    return [Comparison("threads", task, beside, {"the same alone": alone})]
