"""A visitor's prompts: measured, stopped, continued and downloaded."""

import pytest
from support.app import press
from support.models import FAMILIES, PROMPT, SENTENCES, save_model

from stability.errors import StabilityError
from stability.evaluation.calibration import PREDICTORS
from stability.sweeps import measurement as sweeps
from stability.ui.cached import measurement
from stability.ui.pages.calibration.page import MY_PROMPTS

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny(tmp_path_factory, monkeypatch):
    folder = str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))
    plan = measurement.Plan
    few = {"directions": ("eig:0", "random:1"), "epsilons": (0.01, 0.1)}
    monkeypatch.setattr(measurement, "Plan", lambda positions: plan(positions=positions, **few))
    return folder


def test_a_visitors_prompts_are_measured_and_can_be_taken_away(page, tiny):
    page.segmented_control(key="measurements").set_value(MY_PROMPTS).run()
    assert not page.exception
    page.text_area(key="my_prompts_text").set_value(f"{PROMPT}\n\n{SENTENCES[1]}")
    page.session_state["model"] = tiny
    press(page, "Measure")
    assert not page.exception
    assert not page.error
    assert any("boundaries from 2 prompts" in caption.value for caption in page.caption)
    assert len(page.get("download_button")) == 2
    assert len(page.table[0].value) == len(PREDICTORS) * 2


def test_nothing_to_measure_is_answered_in_a_sentence(page):
    page.segmented_control(key="measurements").set_value(MY_PROMPTS).run()
    press(page, "Measure")
    [error] = page.error
    assert "Nothing to measure yet" in error.value


def test_a_measurement_that_stops_keeps_what_it_has_and_goes_on_from_there(page, tiny, monkeypatch):
    attempt, measured_prompts = sweeps.attempt, []

    def second_fails_once(lm, plan, prompt, pause):
        measured_prompts.append(prompt.index)
        if measured_prompts == [0, 1]:
            raise StabilityError("It was stopped: start it again.")
        return attempt(lm, plan, prompt, pause)

    monkeypatch.setattr(sweeps, "attempt", second_fails_once)
    page.segmented_control(key="measurements").set_value(MY_PROMPTS).run()
    page.text_area(key="my_prompts_text").set_value("\n".join(SENTENCES[:3]))
    page.session_state["model"] = tiny
    press(page, "Measure")
    assert "It was stopped" in page.error[0].value
    assert any("Stopped after 1 of 3 prompts" in text.value for text in page.markdown)
    assert any("boundaries from 1 prompt" in caption.value for caption in page.caption)
    page.text_area(key="my_prompts_text").set_value("")
    press(page, "Measure")
    assert "Nothing to measure yet" in page.error[0].value
    assert len(page.get("download_button")) == 2  # what is there stays
    [go_on] = [button for button in page.button if button.label == "Go on"]
    go_on.click().run()
    assert measured_prompts == [0, 1, 1, 2]
    assert not page.error
    assert any("boundaries from 3 prompts" in caption.value for caption in page.caption)


def test_a_long_prompt_is_said_and_the_others_are_measured(page, tiny):
    page.segmented_control(key="measurements").set_value(MY_PROMPTS).run()
    page.text_area(key="my_prompts_text").set_value(f"{PROMPT}\n{'the cat ' * 60}\n{SENTENCES[1]}")
    page.session_state["model"] = tiny
    press(page, "Measure")
    [warning] = page.warning
    assert "Prompt 2" in warning.value
    assert any("boundaries from 2 prompts" in caption.value for caption in page.caption)
