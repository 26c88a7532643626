"""The first picture, in a browser: it is there before Streamlit is, and the page goes on with it."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from support.axe import serious
from support.browser import MARKS, driven, taken_over

pytestmark = MARKS

BOX = "#first-picture"
STREAMLIT = re.compile(r"/static/js/index\.[^/]*\.js$")
# where all parts are, and the colours of the page
PLACES = """() => [...document.querySelectorAll('.instrument, .instrument [data-area], h1')]
  .filter((node) => !node.hidden)
  .map((node) => {
    const { x, y, width, height } = node.getBoundingClientRect();
    return [x, y, width, height];
  })"""
TITLE_IS_AT = "y => Math.abs(document.querySelector('#root h1').getBoundingClientRect().y - y) < 3"
COLOURS = """() => {
  const { color, fontFamily } = getComputedStyle(document.querySelector('.instrument'));
  const names = ['text', 'background', 'primary'].map((name) => `--st-${name}-color`);
  const style = getComputedStyle(document.querySelector('.instrument'));
  const seen = names.map((name) => style.getPropertyValue(name).toLowerCase());
  return [color, fontFamily.startsWith('"Source Sans"'), ...seen];
}"""


@pytest.fixture
def opened(server):
    """Open an address; Streamlit starts only when the second thing that this returns is called."""
    errors, held = [], []

    # Playwright wants a function of Python's own
    def hold(route):
        held.append(route)

    def open_at(query="", **options):
        page = browser.new_page(**{"viewport": {"width": 1440, "height": 900}} | options)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.route(STREAMLIT, hold)
        page.goto(f"{server}/{query}", wait_until="commit")
        page.locator(".instrument[data-ray]").wait_for()
        # the first of two drawings knows no widths yet
        page.evaluate("() => new Promise((done) => setTimeout(done, 100))")

        def start():
            while held:
                held.pop().fallback()

        return page, start

    with driven() as browser:
        yield open_at
        for route in held:
            route.abort()
    assert errors == []


def test_the_picture_follows_a_hand_before_streamlit_runs_and_keeps_that(opened):
    page, start = opened()
    assert page.locator("[data-testid=stApp]").count() == 0
    handle = page.get_by_test_id("epsilon")
    handle.press("ArrowRight")
    page.locator('[data-testid="epsilon"]:not([aria-valuenow="0.01"])').wait_for()
    epsilon, predicted = handle.get_attribute("aria-valuenow"), page.get_by_test_id("predicted")
    chosen = predicted.inner_text()
    node = page.locator(".instrument").element_handle()
    start()
    taken_over(page)
    # not drawn anew: it is the very node, with the focus where it was
    assert node.evaluate("(node) => node === document.querySelector('.instrument')")
    assert page.locator(".instrument").count() == 1
    assert handle.get_attribute("aria-valuenow") == epsilon
    assert predicted.inner_text() == chosen
    expect(handle).to_be_focused()
    page.wait_for_function("text => location.search.includes(`epsilon=${text}`)", arg=epsilon)


def test_what_was_asked_before_is_answered_after(opened):
    page, start = opened()
    page.get_by_test_id("token-1").click()
    start()
    taken_over(page)
    page.locator('[data-testid="token-1"][aria-pressed="true"]').wait_for(timeout=90_000)
    expect(page.locator('[data-ray*="\\"The capital of France is\\",null,1"]')).to_have_count(1)


def test_what_a_hand_holds_is_taken_over_when_it_lets_go(opened):
    page, start = opened()
    box = page.get_by_test_id("epsilon").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y)
    start()
    page.locator(".st-key-instrument").wait_for(state="attached", timeout=90_000)
    page.wait_for_timeout(500)
    page.mouse.move(x + 120, y)
    assert page.locator(BOX).count() == 1
    page.mouse.up()
    taken_over(page)
    assert float(page.get_by_test_id("epsilon").get_attribute("aria-valuenow")) > 0.03


def test_a_hand_of_which_nothing_more_is_heard_holds_nothing(opened):
    """A menu, or another window, has taken the pointer."""
    page, start = opened()
    box = page.get_by_test_id("epsilon").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("dispatchEvent(new FocusEvent('blur'))")
    start()
    taken_over(page)
    page.mouse.up()


@pytest.mark.parametrize(
    ("width", "height", "scheme", "down"),
    [(1440, 900, "light", 0), (390, 844, "dark", 700), (1280, 720, "dark", 0)],
)
def test_the_page_shows_it_where_it_was_in_the_same_colours(opened, width, height, scheme, down):
    viewport = {"width": width, "height": height}
    page, start = opened(viewport=viewport, color_scheme=scheme)
    page.evaluate("down => document.getElementById('first-picture').scrollTo(0, down)", down)
    places, colours = page.evaluate(PLACES), page.evaluate(COLOURS)
    assert serious(page) == []
    start()
    taken_over(page)
    # a gap that the page leaves below its title until all above the picture is drawn
    page.wait_for_function(TITLE_IS_AT, arg=places[0][1])
    assert page.evaluate(COLOURS) == colours
    assert np.abs(np.subtract(places, page.evaluate(PLACES))).max() < 3  # pixels


def test_it_goes_where_another_page_is_opened_first(opened):
    page, _ = opened()
    page.evaluate("history.pushState(null, '', '/Depth')")
    page.locator(BOX).wait_for(state="detached")
    assert page.locator(".instrument").count() == 0


def test_what_an_address_says_of_the_view_is_drawn_at_once(opened):
    page, _ = opened("?epsilon=0.1")
    assert page.get_by_test_id("epsilon").get_attribute("aria-valuenow") == "0.1"


@pytest.mark.parametrize("typed", ["One two", "One two⏎", "One two⏎ thr"])
def test_what_is_typed_goes_on_in_the_field_of_the_page(opened, typed):
    page, start = opened()
    submitted, enter, more = typed.partition("⏎")
    page.locator(f"{BOX} .first-controls textarea").fill("")
    page.keyboard.type(submitted)
    if enter:
        page.keyboard.press("Enter")
    page.keyboard.type(more)
    start()
    taken_over(page)
    field = page.get_by_label("Prompt", exact=True)
    expect(field).to_have_value(submitted + more)
    expect(field).to_be_focused()
    if not enter:
        page.keyboard.press("Enter")
    page.get_by_test_id("token-1").filter(has_text="two").wait_for(timeout=90_000)
    assert page.get_by_test_id("token-2").count() == 0
    expect(field).to_have_value(submitted + more)


def test_a_field_that_was_left_alone_says_what_the_page_says(opened):
    page, start = opened()
    start()
    taken_over(page)
    field = page.get_by_label("Prompt", exact=True)
    expect(field).to_have_value("The capital of France is")
    expect(field).not_to_be_focused()


def test_what_was_set_before_comes_along_to_another_page(opened):
    page, start = opened()
    start()
    # in the very moment in which there is a link to it
    page.wait_for_function("document.querySelectorAll('[data-testid=stSidebarNavLink]').length > 1")
    page.get_by_test_id("epsilon").press("End")
    page.get_by_role("link", name="Depth").click(no_wait_after=True)
    page.wait_for_url(lambda url: "/Depth" in url, timeout=90_000)
    page.wait_for_function("document.body.innerText.includes('ε = 3 nats')", timeout=90_000)


def test_no_room_is_left_for_a_side_bar_that_was_closed(opened):
    page, start = opened()
    assert page.locator(".first-root").bounding_box()["x"] > 300
    start()
    taken_over(page)
    page.get_by_test_id("stSidebar").hover()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    page.wait_for_function("localStorage.getItem('stSidebarCollapsed-') === 'true'")
    page.reload(wait_until="commit")
    page.locator(f"{BOX} .instrument[data-ray]").wait_for()
    assert page.locator(".first-root").bounding_box()["x"] < 100
    start()


def test_a_finger_that_scrolls_goes_on_scrolling(opened):
    page, start = opened(viewport={"width": 390, "height": 844}, has_touch=True)
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    at = "document.getElementById('first-picture')?.scrollTop"
    touch("touchStart", {"x": 200, "y": 700})
    for y in range(690, 590, -10):
        touch("touchMove", {"x": 200, "y": y})
    page.wait_for_function(f"{at} > 30")
    start()
    page.locator(".st-key-instrument").wait_for(state="attached", timeout=90_000)
    page.wait_for_timeout(500)
    before = page.evaluate(at)
    for y in range(590, 490, -10):
        touch("touchMove", {"x": 200, "y": y})
    page.wait_for_function(f"{at} > {before} + 30")
    touch("touchEnd")
    taken_over(page)
