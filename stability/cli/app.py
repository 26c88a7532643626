"""`app`: the app's server, started as `streamlit run app.py` in the checkout would start it."""

import argparse
import subprocess
import sys
from pathlib import Path

import stability
from stability.errors import StabilityError

SCRIPT = "app.py"
# Streamlit's own
PORT = 8501


def run_app(options: argparse.Namespace) -> None:
    """`app`: serve the pages until Ctrl-C."""
    folder = _checkout()
    command = [sys.executable, "-m", "streamlit", "run", SCRIPT, f"--server.port={options.port}"]
    # its settings lie beside it
    raise SystemExit(subprocess.run(command, cwd=folder, check=False).returncode)


def _checkout() -> Path:
    """The folder of the app: that of this package, or the current one where it is installed."""
    for folder in (Path(stability.__file__).resolve().parents[1], Path.cwd()):
        if (folder / SCRIPT).is_file() and (folder / "stability").is_dir():
            return folder
    raise StabilityError(
        f"The app is served from a checkout of the project; {str(Path.cwd())!r} is none: clone the "
        "repository, and start it there."
    )
