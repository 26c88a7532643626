"""The checks that read the code: the linter, its formatter, and the type checker."""

import subprocess
import sys

import pytest
from support.paths import ROOT


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("ruff check .", id="lint"),
        pytest.param("ruff format --check .", id="format"),
        pytest.param("mypy", id="types", marks=pytest.mark.slow),
    ],
)
def test_the_code_passes(command):
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
