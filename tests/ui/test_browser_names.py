"""What those need who do not see the page well, or not at all: names, contrast, focus, rest."""

import re

import pytest
from support.browser import MARKS, driven, settled

pytestmark = MARKS

LEAST_CONTRAST = 4.5  # of small text, by the guidelines' level AA
READ = """selector => {
  const element = document.querySelector(selector), style = getComputedStyle(element);
  const page = getComputedStyle(document.querySelector('[data-testid="stApp"]'));
  const isDrawn = element instanceof SVGElement;
  return [isDrawn ? style.fill : style.color, isDrawn ? style.fillOpacity : "1",
          page.backgroundColor];
}"""


@pytest.fixture(scope="module")
def tab():
    with driven() as browser:
        yield browser.new_context(reduced_motion="reduce").new_page()


@pytest.fixture(params=["light", "dark"])
def page(tab, server, request):
    tab.emulate_media(color_scheme=request.param)
    tab.goto(f"{server}/Calibration")
    tab.wait_for_selector(".js-plotly-plot .xtick text", state="attached", timeout=120_000)
    settled(tab)
    return tab


def contrast(colour, opacity, page):
    """That of a colour on a page, by the definition of WCAG 2."""
    red, green, blue, *rest = (float(number) for number in re.findall(r"[\d.]+", colour))
    channels = [255 * c if colour.startswith("color") else c for c in (red, green, blue)]
    alpha = (rest[0] if rest else 1.0) * float(opacity)
    behind = [float(number) for number in re.findall(r"[\d.]+", page)[:3]]
    shown = [alpha * c + (1 - alpha) * b for c, b in zip(channels, behind, strict=True)]
    darker, lighter = sorted(map(luminance, (shown, behind)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(channels):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in channels)
    ]
    return sum(part * c for part, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_page_can_be_read_by_ear_and_by_weak_eyes(page):
    assert page.locator("h1").all_inner_texts() == ["Does the formula hold?"]
    [figure] = page.locator(".js-plotly-plot").all()
    caption = page.get_by_test_id("stCaptionContainer").filter(has_text="Click a point")
    assert figure.get_attribute("role") == "img"
    assert figure.get_attribute("aria-label") == caption.inner_text()
    links = page.get_by_test_id("stSidebarNavLink")
    # the text itself, and not only what is drawn over it
    assert links.evaluate_all("links => links.map(link => link.textContent)") == [
        *("Explore", "Depth", "Calibration", "Dose", "Dictionary")
    ]
    assert page.get_by_role("link", name="Explore", exact=True).count() == 1
    assert page.get_by_role("link", name="app").count() == 0
    for text in (
        '[data-testid="stCaptionContainer"] p',
        ".js-plotly-plot .xtick text",
        ".js-plotly-plot .ytick text",
        ".js-plotly-plot .xtitle",
        ".js-plotly-plot .legendtext",
    ):
        assert contrast(*page.evaluate(READ, text)) >= LEAST_CONTRAST, text
    page.get_by_role("link", name="Depth").focus()
    page.keyboard.press("Shift+Tab")
    page.wait_for_function(
        "getComputedStyle(document.activeElement).outline.endsWith('solid 2px')", timeout=5_000
    )
    moving = page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=\"stSidebarNavLink\"]'))"
        ".transitionDuration"
    )
    assert float(moving.split("s")[0]) <= 1e-4
