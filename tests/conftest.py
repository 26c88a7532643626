"""Fixtures and rules of the whole suite."""

import gc
import os
import tempfile
from pathlib import Path

import pytest

# before torch is loaded, here and in the workers: threads that spin while they wait take the cores
# from each other, and the suite takes several times as long
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# what a test chooses is not what the person at this computer has chosen
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="stability-tests-")

import stability
from stability.models.packaged.cache import ensure


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    """The default model in the real cache, prepared once for the whole suite."""
    return ensure("smollm2-135m")


@pytest.fixture(scope="session")
def smollm2(smollm2_folder: Path):
    """The default model, loaded once for all who leave it as it is."""
    return stability.load("smollm2-135m")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage among the tests and the library: each look takes half a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the packaged model, which a machine may have to fetch first.

    Files that take long come first, or a worker is alone with the last of them at the end.
    """
    for item in items:
        if "smollm2_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("model")
    long = {
        item.path for item in items for mark in ("slow", "model") if item.get_closest_marker(mark)
    }
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """In CI a skipped test is a failed one, unless what it lacks is a GPU."""
    report = yield
    if report.skipped and os.environ.get("CI") and "gpu" not in item.keywords:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
