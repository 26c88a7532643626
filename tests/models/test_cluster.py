"""The tests of `cluster.py`, in a process of their own: Dask's loops and handlers meet no others."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT


@pytest.mark.cluster
@pytest.mark.slow
def test_the_cluster_keeps_its_promises():
    # of some ten runs one does not begin or end: Dask's own loop is not heard of again
    assert any(_run_in_a_process_of_its_own() == 0 for _ in range(2))


def _run_in_a_process_of_its_own() -> int | None:
    """The exit status of the tests, None if they have not ended in time."""
    file = Path(__file__).with_name("cluster.py")
    command = [sys.executable, "-m", "pytest", "-q", "-n0", str(file)]
    try:
        return subprocess.run(command, cwd=ROOT, timeout=200, check=False).returncode
    except subprocess.TimeoutExpired:
        return None
