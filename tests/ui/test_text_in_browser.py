"""Every text of a token in a real browser: what is shown is its spelling, and nothing it could mean."""

import pytest
from support import hostile_texts
from support.browser import MARKS, driven, serving
from support.hostile_texts import HOSTILE

from stability.figures.style import LONGEST_TOKEN
from stability.text import printable, spelled, spelled_all

pytestmark = MARKS


@pytest.fixture(scope="module")
def page():
    with serving(hostile_texts.__file__) as address, driven() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.goto(address)
        page.wait_for_selector(f".st-key-plain{len(HOSTILE) - 1} p", timeout=60_000)
        page.wait_for_selector(".st-key-map .ytick", timeout=60_000, state="attached")
        yield page


def texts(page, selector):
    """The texts of elements, without what only keeps signs apart."""
    found = page.locator(selector).evaluate_all("all => all.map(one => one.textContent)")
    return [text.replace("\u2060", "").replace("\xa0", " ") for text in found]


def test_the_strip_shows_each_token_as_it_is_spelled_inside_the_page(page):
    chips = '.instrument button[data-testid^="token-"]'
    page.locator(chips).first.wait_for(timeout=20_000)
    assert texts(page, chips) == [spelled(text) for text in HOSTILE]
    wide = page.locator(".instrument .chips").evaluate(
        "strip => [...strip.children].filter(chip => chip.offsetWidth > strip.clientWidth).length"
    )
    assert wide == 0


def test_the_axis_of_a_figure_names_each_token(page):
    assert texts(page, ".st-key-map .ytick text") == spelled_all(HOSTILE, LONGEST_TOKEN)


def test_a_sentence_holds_each_token_literally(page):
    for number, text in enumerate(HOSTILE):
        assert texts(page, f".st-key-code{number} code") == [spelled(text)]
        [said] = texts(page, f".st-key-plain{number} p")
        # HTML draws spaces in a row as one, and the text of the page still has them
        assert said == f"received '{printable(text)}': choose".replace("\xa0", " ")
    # the instrument has tables and emphasis of its own
    marked = "[data-testid=stMain] :is(img, table, em, del, sub, b):not(.instrument *)"
    assert page.locator(marked).count() == 0
