"""No value that a user may give ends in a traceback, a warning or NaN: right, or one sentence."""

import os
import subprocess
import sys

from support.paths import ROOT


def test_every_public_function_answers_every_hostile_value_with_numbers_or_one_sentence():
    """In a process of its own: here types are checked before the library sees them."""
    script = ROOT / "tests" / "support" / "hostile.py"
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "PYTHONWARNINGS": "",
        },
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
