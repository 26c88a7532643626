"""The app on a real server, and a real browser to look at it."""

import atexit
import os
import shutil
import time
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


def taken_over(page):
    """Wait until the page goes on with the first picture, if it has begun with that."""
    page.locator("#first-picture").wait_for(state="detached", timeout=90_000)


# for half a second, in which what has been asked for begins, and what is drawn comes to rest
IDLE = """(begun) => {
  const isIdle = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    && !document.querySelector('[data-stale=true]');
  if (globalThis.begun !== begun || !isIdle) Object.assign(globalThis, { begun, since: Date.now() });
  return isIdle && Date.now() - since >= 500;
}"""


def settled(page):
    """Wait until nothing on the page is being recomputed or still moves.

    A server may take long to begin: where an act has a visible answer, wait for that before.
    """
    page.wait_for_function(IDLE, arg=time.monotonic(), timeout=90_000)


def until(page, is_so, timeout=60.0):
    """Wait until something is so that no page shows."""
    end = time.monotonic() + timeout
    while not is_so():
        assert time.monotonic() < end
        # meanwhile the browser's messages are handled
        page.wait_for_timeout(50)


class Line:
    """What a server sends to a page that is still to be opened, which can be held up."""

    def __init__(self, page):
        self._page, self._held = page, None
        page.route_web_socket("**/_stcore/stream", self._open)

    def _open(self, socket):
        def arrive(message):
            if self._held is None:
                socket.send(message)
            else:
                self._held.append(message)

        socket.connect_to_server().on_message(arrive)
        self._send = socket.send

    @contextmanager
    def held(self):
        """Hold up what the server sends, in a list, until the end."""
        self._held = []
        yield self._held
        held, self._held = self._held, None
        for message in held:
            self._send(message)
