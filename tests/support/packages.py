"""Fixtures: a tiny packaged model, whose wheel pip finds in a folder, offline."""

import hashlib
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.ggufs import write_gguf

from stability.models.packaged.registry import PACKAGED, Packaged


@pytest.fixture
def model_cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of models, not made yet."""
    root = tmp_path / "cache"
    monkeypatch.setenv("STABILITY_CACHE", str(root))
    return root


@pytest.fixture
def gguf_file(tmp_path) -> Path:
    """A user's own GGUF file."""
    path = tmp_path / "own.gguf"
    write_gguf(path)
    return path


@pytest.fixture
def tiny(tmp_path, model_cache, gguf_file, monkeypatch) -> Packaged:
    """A packaged model `tiny`, whose wheel pip finds in a folder and whose dependency nowhere."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.write(gguf_file, "tiny_model/tiny.gguf")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
            "Requires-Dist: no-such-engine\n",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    model = Packaged(
        name="tiny",
        title="Tiny",
        package="tiny-model",
        version="1.0",
        licence="none",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        size=wheel.stat().st_size,
        disk=123_000_000,
    )
    monkeypatch.setitem(PACKAGED, "tiny", model)
    return model
