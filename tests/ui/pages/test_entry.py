"""The frame of every page, drawn before torch is imported."""

import os
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest
from support.paths import ROOT

pytestmark = pytest.mark.slow

PAGES = ["app.py", "pages/1_Depth.py", "pages/2_Calibration.py", "pages/4_Dictionary.py"]
FRESH = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}


def printed(code, **environment):
    """The output of code in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=FRESH | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("page", ["explore", "depth", "calibration", "dictionary"])
def test_a_page_is_imported_without_torch(page):
    code = (
        f"import sys, stability.ui.pages.entry, stability.ui.pages.{page}.page; "
        "print({'torch', 'transformers', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    assert printed(code) == "set()"


def test_threads_that_wait_do_not_spin_unless_a_person_wants_it():
    code = "import stability.ui, os; print(os.environ['OMP_WAIT_POLICY'])"
    assert printed(code) == "passive"
    assert printed(code, OMP_WAIT_POLICY="active") == "active"


@pytest.mark.parametrize("path", PAGES)
def test_an_entry_file_is_a_few_lines(path):
    """Streamlit finds pages by their files: all they do has its home in `entry`."""
    # the first is that of the server, too
    most = 14 if path == "app.py" else 8
    assert len((ROOT / path).read_text("utf-8").splitlines()) <= most


def _framed(message):
    from stability.errors import StabilityError
    from stability.ui.link import Page
    from stability.ui.pages import entry

    def draw():
        if message:
            raise StabilityError(message)

    entry.show(Page("A title", ()), "A headline", draw)


def test_an_error_is_one_sentence_shown_literally():
    app = AppTest.from_function(_framed, args=("It must be *one*; received 2.",)).run()
    assert not app.exception
    [error] = app.error
    assert error.value.replace("\\", "") == "It must be *one*; received 2."
    assert r"\*one\*" in error.value


def test_a_page_begins_with_its_headline():
    app = AppTest.from_function(_framed, args=(None,)).run()
    assert not app.exception
    assert not app.error
    assert [title.value for title in app.title] == ["A headline"]
