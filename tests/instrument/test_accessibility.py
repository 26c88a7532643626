"""The instrument by the rules of axe, in light and dark, on a phone and a screen."""

import pytest
from support.axe import serious
from support.drawn import settled
from support.scenes import eigen_analysis, eigen_scene
from support.states import random_state

from stability.instrument.scene import pin

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def sent():
    scene = eigen_scene(eigen_analysis(random_state(gain=2.0)))
    return {**scene, "pins": [pin(scene)], "notes": ["A note."]}


def test_axe_finds_nothing_serious_in_either_theme_and_at_either_width(mounted, sent):
    page = mounted(sent, device={"color_scheme": "light"}, chosen=[1])
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.get_by_test_id("take-away").click()
    for width in (1140, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme, paper in (("light", "#ffffff"), ("dark", "#0e1117")):
            page.emulate_media(color_scheme=theme)
            page.evaluate("(paper) => { document.body.style.background = paper; }", paper)
            settled(page)
            assert serious(page) == [], (width, theme)
