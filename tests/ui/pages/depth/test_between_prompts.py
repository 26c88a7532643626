"""Between prompts: the library's edges, and a plane that waits for its button."""

import numpy as np
import pytest
from support.app import array, headline, open_section, pictures, press
from support.models import PROMPT, SENTENCES

from stability.geometry.interpolation import interpolation
from stability.ui import wording
from stability.ui.pages.depth.page import SECTIONS

pytestmark = pytest.mark.slow


def test_the_way_between_prompts_has_the_librarys_edges(page, lm):
    open_section(page, SECTIONS[3])
    page.text_input(key="prompt_b").set_value(SENTENCES[1]).run()
    page.number_input(key="interpolation_block").set_value(1).run()
    assert not page.exception
    a, b = (lm.capture(prompt, site="block:1") for prompt in (PROMPT, SENTENCES[1]))
    way = interpolation(a, b)
    said = headline(page)
    assert f"‖B − A‖ = {wording.number(way.length)}." in said
    assert f"The steepest edge is at α = {way.edge:.2g}." in said
    assert f"puts the boundary (KL = ε) at α = {wording.number(way.predicted(0.01)[0])}; " in said
    actual = way.actual(0.01)[0]
    assert ("not reached" if actual is None else f"it is at {wording.number(actual)}.") in said
    kl = next(t for t in pictures(page)["interpolation"]["data"] if t.get("name") == "KL from A")
    np.testing.assert_allclose(array(kl["y"]), way.kl, rtol=1e-4, atol=1e-7)


def test_the_plane_of_three_prompts_waits_for_its_button(page):
    open_section(page, SECTIONS[3])
    page.text_input(key="prompt_b").set_value(SENTENCES[1]).run()
    page.text_input(key="prompt_c").set_value(SENTENCES[2]).run()
    assert set(pictures(page)) == {"interpolation"}
    press(page, "Draw the plane")
    assert not page.error
    assert set(pictures(page)) == {"interpolation", "slice"}
    page.text_input(key="prompt_c").set_value("a dog").run()
    assert set(pictures(page)) == {"interpolation"}


@pytest.mark.parametrize("b", [PROMPT, ""])
def test_another_prompt_that_will_not_do_is_one_sentence(page, b):
    open_section(page, SECTIONS[3])
    page.text_input(key="prompt_b").set_value(b).run()
    assert not page.exception
    [error] = page.error
    expected = "lead to another state" if b else "at least one token"
    assert expected in error.value


def test_a_plane_without_two_directions_is_one_sentence(page):
    open_section(page, SECTIONS[3])
    page.text_input(key="prompt_b").set_value(SENTENCES[1]).run()
    page.text_input(key="prompt_c").set_value(SENTENCES[1]).run()
    press(page, "Draw the plane")
    assert len(page.error) == 1
    assert set(pictures(page)) == {"interpolation"}
