"""Print medians and 95th percentiles of how long a person waits, and the bytes sent for it."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stability.bench.latency.actions import ACTIONS, below, together, visit, visit_empty
from stability.bench.latency.page import Page, Timing
from stability.bench.latency.report import header, line, machine, row
from stability.bench.latency.server import served
from stability.errors import StabilityError

# what any page costs, however little it holds
EMPTY = "import streamlit\n\nstreamlit.title('An empty page')\n"
Visit = Callable[[Page, str], Iterator[tuple[str, Timing]]]
# of the blocks above the one that is looked at first
MOST_BLOCKS = 8


def main() -> None:
    """Run from the command line; bad input is one line on standard error, exit status 2."""
    options = _parser().parse_args()
    try:
        rows = []
        with _browser() as browser:
            for found in measured(
                browser, options.times, options.fresh, options.together, options.address
            ):
                rows.append(found)
                if not options.json:
                    print(line(found) if rows[1:] else f"{header()}\n{line(found)}", flush=True)
    except StabilityError as error:
        print(f"stability: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    if options.json:
        print(json.dumps(machine() | {"rows": rows}, ensure_ascii=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stability.bench.latency", description=__doc__)
    parser.add_argument(
        "--times",
        type=int,
        default=10,
        help="how often the server is asked for each; by default 10",
    )
    parser.add_argument(
        "--fresh", type=int, default=2, help="how many servers are started anew; by default 2"
    )
    parser.add_argument(
        "--together",
        type=int,
        default=6,
        help="how many people submit a prompt at the same moment; by default 6",
    )
    parser.add_argument("--address", help="of a server that runs; by default one is started")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def measured(
    browser: Any, times: int, fresh: int, people: int, address: str | None
) -> Iterator[dict[str, Any]]:
    """Time everything, a row each, from a server that is in use to one that has just begun to answer.

    Args:
        browser: Chromium, driven by Playwright.
        times: how often the server is asked for each.
        fresh: how many servers are started anew.
        people: how many submit a prompt at the same moment.
        address: of a server that runs; None starts one.

    Yields:
        Plain data: see `report.row`.
    """
    with nullcontext(address) if address else served() as at:
        page = Page(browser)
        page.open(at)
        for name, (act, often) in ACTIONS.items():
            yield row(name, [*act(page, times * often)])
        yield from _rows(below(page, at, min(times, MOST_BLOCKS)))
        page.close()
        yield from _rows(_visits(browser, at, visit, times), "warm server, ")
        yield from _rows(_empty(browser, times))
        yield from _crowd(browser, at, people)
    yield from _rows(_fresh(browser, fresh), "fresh server, ")


def _fresh(browser: Any, servers: int) -> Iterator[tuple[str, Timing]]:
    """The default as the first visitor of each new server sees it."""
    for _ in range(servers):
        with served() as at:
            yield from _visits(browser, at, visit)


def _empty(browser: Any, times: int) -> Iterator[tuple[str, Timing]]:
    """A page with nothing on it, but for the first time, as its server has only just begun."""
    with TemporaryDirectory() as folder:
        app = Path(folder, "empty.py")
        app.write_text(EMPTY, "utf-8")
        with served(app) as at:
            [_, *visits] = _visits(browser, at, visit_empty, times + 1)
            yield from visits


def _crowd(browser: Any, address: str, people: int) -> Iterator[dict[str, Any]]:
    """What each of several people waits for who submit a prompt at the same moment."""
    pages = [Page(browser) for _ in range(people)]
    for page in pages:
        page.open(address)
    if pages:
        yield row(f"prompt, {people} together", [*together(pages)])
    for page in pages:
        page.close()


def _visits(
    browser: Any, address: str, visit: Visit, times: int = 1
) -> Iterator[tuple[str, Timing]]:
    """Several visitors, one after another, each with nothing kept in the browser."""
    for _ in range(times):
        page = Page(browser)
        yield from visit(page, address)
        page.close()


def _rows(found: Iterator[tuple[str, Timing]], before: str = "") -> list[dict[str, Any]]:
    timings: dict[str, list[Timing]] = {}
    for name, timing in found:
        timings.setdefault(before + name, []).append(timing)
    return [row(name, several) for name, several in timings.items()]


@contextmanager
def _browser() -> Iterator[Any]:
    """Chromium, driven; raises StabilityError where there is none, or nothing to drive it."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"The latency of the app is measured with {error.name!r}, which is not installed: run "
            "`pip install '.[latency]'`."
        ) from error
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise StabilityError(
            "The latency of the app is measured in Chromium; there is no chromium on the PATH: install "
            "one."
        )
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


if __name__ == "__main__":
    main()
