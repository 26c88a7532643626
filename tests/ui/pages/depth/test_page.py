"""The Depth page as a whole: errors in one sentence, and what it shares with Explore."""

import pytest
from support.app import DEPTH, open_section, opened, prompt_with
from support.models import PROMPT

from stability.ui.pages.depth.link import SECTIONS

pytestmark = pytest.mark.slow

every_section = pytest.mark.parametrize("section", SECTIONS)


@every_section
def test_an_empty_prompt_is_one_sentence(folder, section):
    page = opened(DEPTH, model=folder, prompt="", section=section)
    assert not page.exception
    [error] = page.error
    assert "at least one token" in error.value
    prompt_with(page, PROMPT)
    assert not page.exception
    assert not page.error


@every_section
def test_a_model_that_is_none_is_one_sentence(section, tmp_path):
    nothing = str(tmp_path / "nothing")
    page = opened(DEPTH, model=nothing, section=section)
    assert not page.exception
    assert len(page.error) == 1


@every_section
def test_a_prompt_of_one_token_is_enough(folder, section):
    page = opened(DEPTH, model=folder, prompt="z", section=section)
    assert not page.exception
    assert not page.error


def test_a_budget_between_the_steps_of_the_slider_is_the_very_one_and_stays_among_them(folder):
    page = opened(DEPTH, model=folder, prompt=PROMPT, epsilon=0.826)
    slider = page.select_slider(key="epsilon")
    assert (slider.value, "0.826" in slider.options) == (0.826, True)
    assert any("ε = 0.826 nats" in said.value for said in page.caption)
    slider = slider.set_value(0.1).run().select_slider(key="epsilon")
    assert (slider.value, "0.826" in slider.options) == (0.1, True)


def test_what_is_set_on_one_page_is_still_set_on_the_other(page, folder):
    open_section(page, SECTIONS[1])
    prompt_with(page, "a dog ran")
    page.selectbox(key="depth_position").set_value(1).run()
    page.select_slider(key="epsilon").set_value(0.1).run()
    page.toggle(key="relative").set_value(True).run()
    explore = page.switch_page("app.py").run()
    assert not explore.exception

    def is_set(app):
        return (
            app.session_state["model"],
            app.session_state["prompt"],
            app.session_state["kept"]["epsilon"],
            app.session_state["kept"]["relative"],
            app.session_state["position"],
        )

    assert is_set(explore) == (folder, "a dog ran", 0.1, True, 1)
    explore.selectbox(key="kind").set_value("random").run()
    prompt_with(explore, "the cat")
    back = explore.switch_page(DEPTH).run()
    assert not back.exception
    assert is_set(back) == (folder, "the cat", 0.1, True, -1)
    again = back.switch_page("app.py").run()
    assert again.selectbox(key="kind").value == "random"


def test_a_new_prompt_is_looked_at_where_it_goes_on(page, lm):
    open_section(page, SECTIONS[1])
    page.selectbox(key="depth_position").set_value(0).run()
    prompt_with(page, "a dog ran")
    assert page.selectbox(key="depth_position").value == len(lm.tokenize("a dog ran")) - 1
