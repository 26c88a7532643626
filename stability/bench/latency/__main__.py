"""Print medians and 95th percentiles of how long a person waits, and the bytes sent for it."""

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from stability.bench.latency.actions import ACTIONS, below, visit
from stability.bench.latency.page import Page, Timing
from stability.bench.latency.report import lines, row
from stability.bench.latency.server import served
from stability.errors import StabilityError

# of the blocks above the one that is looked at first
MOST_BLOCKS = 8


def main() -> None:
    """Run from the command line; bad input is one line on standard error, exit status 2."""
    options = _parser().parse_args()
    try:
        report = measured(options.times, options.fresh, options.address)
    except StabilityError as error:
        print(f"stability: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(json.dumps(report, ensure_ascii=False) if options.json else "\n".join(lines(report)))


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
    parser.add_argument("--address", help="of a server that runs; by default one is started")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def measured(times: int, fresh: int, address: str | None) -> dict[str, Any]:
    """Time everything, and return it as plain data.

    Args:
        times: how often the server is asked for each.
        fresh: how many servers are started anew.
        address: of a server that runs; None starts one.
    """
    with _browser() as browser:
        rows = [*_warm(browser, times, address), *_fresh(browser, fresh)]
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "rows": rows,
    }


def _warm(browser: Any, times: int, address: str | None) -> list[dict[str, Any]]:
    """A server that has been used: every action, a site below the readout, and new visitors."""
    with nullcontext(address) if address else served() as at:
        page = Page(browser)
        page.open(at)
        page.rest(5000)
        timings = {name: [*act(page, times * often)] for name, (act, often) in ACTIONS.items()}
        _gather(timings, below(page, at, min(times, MOST_BLOCKS)))
        page.close()
        for _ in range(times):
            visitor = Page(browser)
            _gather(timings, visit(visitor, at), "warm server, ")
            visitor.close()
    return [row(name, found) for name, found in timings.items()]


def _fresh(browser: Any, servers: int) -> list[dict[str, Any]]:
    """Servers that have just begun to answer: the default as the first visitor sees it."""
    timings: dict[str, list[Timing]] = {}
    for _ in range(servers):
        with served() as at:
            visitor = Page(browser)
            _gather(timings, visit(visitor, at), "fresh server, ")
            visitor.close()
    return [row(name, found) for name, found in timings.items()]


def _gather(
    timings: dict[str, list[Timing]], found: Iterator[tuple[str, Timing]], before: str = ""
) -> None:
    for name, timing in found:
        timings.setdefault(before + name, []).append(timing)


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
