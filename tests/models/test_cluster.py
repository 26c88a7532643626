"""The tests of `cluster.py`, in a process of their own: Dask's loops and handlers meet no others."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT


@pytest.mark.cluster
@pytest.mark.slow
def test_the_cluster_keeps_its_promises():
    file = Path(__file__).with_name("cluster.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout
