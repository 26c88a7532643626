"""The instrument's scripts, run by a browser as it runs them for a person."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stability import instrument

SCRIPTS = Path(instrument.__file__).with_name("js")
CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def scripts() -> Iterator[Callable[..., Any]]:
    """Call a function in Chromium: `scripts("law.js", "kl", law, [[0.1], [0.2]])`."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import Route, sync_playwright

    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        script = SCRIPTS / name
        if script.is_file():
            route.fulfill(body=script.read_text("utf-8"), content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.route("**/*", serve)
        page.goto("http://instrument/")
        yield lambda script, name, first, rest: page.evaluate(
            f"""async ([first, rest]) => {{
                const {{ {name} }} = await import("/{script}");
                return rest.map((others) => {name}(first, ...others));
            }}""",
            [first, rest],
        )
        browser.close()
