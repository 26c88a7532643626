"""Between prompts: the library's edges, and a plane that waits for its button."""

import numpy as np
import pytest
from support.app import array, headline, open_section, pictures, press
from support.models import FAMILIES, PROMPT, SENTENCES, save_model

from stability.errors import StoppedError
from stability.geometry.interpolation import interpolation
from stability.ui import wording
from stability.ui.cached.reported import Reported
from stability.ui.pages.depth.link import SECTIONS

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
    assert f"The steepest edge is at α = {wording.number(way.edge)}." in said
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
    before = headline(page)
    page.text_input(key="prompt_b").set_value(b).run()
    assert not page.exception
    [error] = page.error
    expected = "lead to another state" if b else "at least one token"
    assert expected in error.value
    assert set(pictures(page)) == {"interpolation"}  # the last way there was
    assert headline(page) == before
    page.text_input(key="prompt_b").set_value(SENTENCES[1]).run()
    assert not page.error
    assert headline(page) != before


def test_a_plane_without_two_directions_is_one_sentence(page):
    open_section(page, SECTIONS[3])
    page.text_input(key="prompt_b").set_value(SENTENCES[1]).run()
    page.text_input(key="prompt_c").set_value(SENTENCES[1]).run()
    press(page, "Draw the plane")
    assert len(page.error) == 1
    assert set(pictures(page)) == {"interpolation"}


def test_the_way_of_another_model_is_not_shown_in_place_of_one_that_will_not_do(page, tmp_path):
    open_section(page, SECTIONS[3])
    other = save_model(tmp_path / "other", FAMILIES["llama"]())
    page.session_state["model"] = str(other)
    page.text_input(key="prompt_b").set_value(PROMPT).run()
    assert not page.exception
    assert len(page.error) == 1
    assert not pictures(page)


def test_a_plane_that_is_stopped_waits_for_its_button_again(page, monkeypatch):
    open_section(page, SECTIONS[3])
    asked = []

    def stopped(vectors, report):
        asked.append(len(vectors))
        raise StoppedError("It was stopped: start it again.")

    monkeypatch.setattr(Reported, "__call__", lambda self, vectors: stopped(vectors, self.report))
    press(page, "Draw the plane")
    assert "was stopped" in page.error[0].value
    monkeypatch.undo()
    page.run()
    assert not page.error
    assert set(pictures(page)) == {"interpolation", "slice"}
