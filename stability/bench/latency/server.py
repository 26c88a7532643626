"""The app on a server of its own, from its start to its end."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stability.errors import StabilityError

# seconds within which a server answers
PATIENCE = 120.0


@contextmanager
def served(
    app: Path = Path("app.py"), folder: Path | None = None, **environment: str
) -> Iterator[str]:
    """The address of a fresh server of a script, by default the app, which ends with the block.

    It runs in `folder`, by default the current one, and has `environment` beside its own.
    """
    if not app.is_file():
        raise StabilityError(
            f"The app is served from a checkout; there is no {app} in {Path.cwd()}: run this from the "
            "repository's root."
        )
    port = _free_port()
    options = ["--server.headless=true", f"--server.port={port}", "--server.fileWatcherType=none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(app), *options],
        cwd=folder,
        env=os.environ | {"OMP_WAIT_POLICY": "passive"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process)
        yield address
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers; raises StabilityError if it ends or stays silent."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise StabilityError(
        f"The app's server must answer within {PATIENCE:.0f} s; it did not: run `streamlit run app.py` "
        "and read what it says."
    )
