"""The app on a real server, and a real browser to look at it."""

import atexit
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import pytest
from support.paths import ROOT

from stability.bench.latency.server import served

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@cache
def _driver() -> Any:
    """Playwright, of which a process can have only one."""
    from playwright.sync_api import sync_playwright

    driver = sync_playwright().start()
    atexit.register(driver.stop)
    return driver


@cache
def _chromium() -> Any:
    """The one Chromium of this process, which ends with its driver."""
    return _driver().chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@contextmanager
def driven() -> Iterator[Any]:
    """Chromium, driven, whose pages share nothing; without it the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    browser = _chromium()
    others = browser.contexts
    yield browser
    for context in browser.contexts:
        if context not in others:
            context.close()


def serving(script: str = "app.py", **environment: str) -> AbstractContextManager[str]:
    """The address of a server of a script, by default the app, until it is no longer needed."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    return served(ROOT / script, ROOT, **{"PYTHONPATH": path} | environment)


def settled(page):
    """Wait until nothing on the page is being recomputed or still moves."""
    page.wait_for_timeout(500)
    page.wait_for_function("!document.querySelector('[data-stale=true]')")
    page.wait_for_timeout(500)
