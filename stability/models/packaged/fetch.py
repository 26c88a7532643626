"""Fetching: a packaged model's GGUF, from a wheel or from an installed extra, checked by SHA-256."""

import errno
import hashlib
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from stability.errors import StabilityError
from stability.models.packaged.registry import Packaged
from stability.models.progress import Report, part


def fetch(packaged: Packaged, scratch: Path, report: Report) -> Path:
    """Put a packaged model's verified GGUF into an empty folder, and return its path.

    Raises:
        StabilityError: pip or the extra is missing or fails, or the checksum differs.
        OSError: the disk is full.

    """
    return (_assemble if packaged.extra else _download)(packaged, scratch, report)


def require_extra(packaged: Packaged) -> None:
    """Raise StabilityError for a model that comes as an extra which is not installed."""
    if packaged.extra and importlib.util.find_spec(_module(packaged)) is None:
        raise _not_installed(packaged, _module(packaged))


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(packaged: Packaged, scratch: Path, report: Report) -> Path:
    """Fetch the pinned wheel with the user's own pip and settings, and return the GGUF inside.

    Without its dependencies, which would compile an inference engine that nothing here uses.
    """
    requirements = scratch / "requirements.txt"
    requirements.write_text(
        f"{packaged.package}=={packaged.version} --hash=sha256:{packaged.sha256}\n",
        encoding="utf-8",
    )
    _run_pip(packaged, requirements, report=part(report, 0.0, 0.9))
    report(f"Checking {packaged.title}", 0.9)
    wheel = next(scratch.glob("*.whl"))
    _check(wheel, packaged)
    with ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith(".gguf"))
        gguf = Path(archive.extract(member, scratch))
    wheel.unlink()
    return gguf


def _run_pip(packaged: Packaged, requirements: Path, report: Report) -> None:
    """Run `pip download` beside the requirements, reporting the bytes that have arrived."""
    if importlib.util.find_spec("pip") is None:
        raise StabilityError(
            f"pip is needed to fetch {packaged.title}, and {sys.executable} has none; "
            "run `python -m ensurepip` and start again."
        )
    scratch = requirements.parent
    # no pip cache: it would take the room twice, and return a damaged file on the next try
    options = (
        "-m pip download --no-deps --only-binary=:all: --require-hashes --no-cache-dir --no-input "
        "--quiet --progress-bar=off --disable-pip-version-check"
    )
    command = [sys.executable, *options.split(), f"--dest={scratch}", f"-r{requirements}"]
    # temporary files in the scratch folder: their size is the progress, and a kill leaves none behind
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "errors": "replace"}
    done, output, size = 0, None, packaged.size
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            while output is None:
                done = max(done, _largest(scratch))
                message = f"Fetching {packaged.title}: {done / 1e6:.0f} of {size / 1e6:.0f} MB"
                report(message, done / size)
                with suppress(subprocess.TimeoutExpired):
                    output, _ = process.communicate(timeout=0.2)
        finally:
            process.kill()
    if process.returncode:
        raise _pip_error(packaged, output)


def _largest(folder: Path) -> int:
    """The size of the largest file below, bytes: pip moves the finished wheel, or copies it."""
    sizes = [0]
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                sizes.append(Path(parent, name).stat().st_size)
    return max(sizes)


def _pip_error(packaged: Packaged, output: str) -> Exception:
    if received := re.search(r"Got\s+([0-9a-f]{64})", output):
        return _mismatch(packaged, received[1])
    if "[Errno 28]" in output:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    last = (output.strip() or "no output").splitlines()[-1]
    return StabilityError(
        f"{packaged.title} must be fetched once, and pip failed ({last}); "
        "check the network and pip's configuration, and start again."
    )


def _assemble(packaged: Packaged, scratch: Path, report: Report) -> Path:
    """Join the GGUF from the installed packages of the extra."""
    report(f"Assembling {packaged.title}", 0.0)
    try:
        parts = importlib.import_module(_module(packaged))
        gguf = Path(parts.assemble(scratch / "model.gguf"))
    except ModuleNotFoundError as error:
        raise _not_installed(packaged, error.name) from error
    except (FileNotFoundError, ValueError) as error:
        raise StabilityError(
            f"The installed parts of {packaged.title} must be whole, received: {error}; "
            f"run `pip install --force-reinstall '.[{packaged.extra}]'`."
        ) from error
    report(f"Checking {packaged.title}", 0.8)
    _check(gguf, packaged)
    return gguf


def _module(packaged: Packaged) -> str:
    """The name that the installed package of an extra is imported by."""
    return packaged.package.replace("-", "_")


def _not_installed(packaged: Packaged, module: str | None) -> StabilityError:
    return StabilityError(
        f"{packaged.title} comes with an optional extra, and its package {module} is not "
        f"installed; run `pip install '.[{packaged.extra}]'` and start again."
    )


def _check(path: Path, packaged: Packaged) -> None:
    received = checksum(path)
    if received != packaged.sha256:
        raise _mismatch(packaged, received)


def _mismatch(packaged: Packaged, received: str) -> StabilityError:
    return StabilityError(
        f"{packaged.revision} must have SHA-256 {packaged.sha256[:12]}, received {received[:12]}; "
        "the file was deleted: try again, and check pip's package index if this comes back."
    )
