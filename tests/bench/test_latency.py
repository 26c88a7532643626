"""How long a person waits: the measuring itself, on a page that takes a known time."""

import subprocess
import sys

import pytest
from support.browser import driven
from support.paths import ROOT

from stability.bench.latency.page import Page, Timing
from stability.bench.latency.report import line, row
from stability.bench.latency.server import served
from stability.errors import StabilityError

LATE = """<button onclick="setTimeout(() => (this.textContent = 'after'), 80)">before</button>"""
SHOWN = "document.querySelector('button').textContent === 'after'"


@pytest.fixture(scope="module")
def browser():
    with driven() as browser:
        yield browser


@pytest.mark.browser
@pytest.mark.slow
def test_an_event_is_timed_to_the_frame_after_its_answer(browser):
    page = Page(browser)
    page.page.route("**/*", lambda route: route.fulfill(body=LATE, content_type="text/html"))
    page.page.goto("http://late/")
    timing = page.timed(page.page.locator("button").click, SHOWN)
    assert timing.milliseconds >= 80
    assert (timing.received, timing.sent) == (0, 0)
    page.close()


def test_a_row_holds_the_median_and_the_95th_percentile():
    timings = [Timing(float(i), 2 * i, 1) for i in range(21)]
    found = row("ε", timings)
    assert (found["median"], found["percentile_95"]) == (10, 19)
    assert (found["times"], found["received"], found["sent"]) == (21, 20, 1)
    assert line(found).split() == ["ε", "21", "10.0", "19.0", "20", "1"]


def test_without_an_app_one_sentence_says_where_to_run_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StabilityError, match="run this from the repository's root"), served():
        pass


def test_a_refusal_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "stability.bench.latency", "--json"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("stability: ")
