"""Measurements of a visitor's prompts: one for all sessions, written by its job alone."""

import gc
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from stability.errors import StabilityError
from stability.sweeps import measurement as sweeps
from stability.sweeps.measurement import SCHEMA
from stability.sweeps.prompts import Prompt
from stability.ui.cached import background, measurement
from stability.ui.cached.measurement import SweepRequest, measurement_of

PROMPTS = tuple(Prompt(i, str(i), f"prompt {i}") for i in range(3))


@pytest.fixture
def attempted(monkeypatch):
    """The prompts that were measured, by a model that has a reason for every one."""
    prompts = []

    def attempt(lm, plan, prompt, pause):
        prompts.append(prompt.index)
        return f"reason {prompt.index}"

    monkeypatch.setattr(background, "st", MagicMock())
    monkeypatch.setattr(measurement, "loaded", lambda name: None)
    monkeypatch.setattr(measurement, "sweeps", SimpleNamespace(attempt=attempt))
    return prompts


def test_two_sessions_that_ask_the_same_share_what_is_measured(attempted):
    first, second = (measurement_of(SweepRequest("shared", PROMPTS, 1)) for _ in range(2))
    first.run(on_stop=None)
    second.run(on_stop=None)
    assert attempted == [0, 1, 2]
    assert first.outcomes == second.outcomes == {i: f"reason {i}" for i in range(3)}


def test_a_page_reads_a_copy(attempted):
    read = measurement_of(SweepRequest("copied", PROMPTS, 1))
    read.run(on_stop=None)
    read.outcomes.clear()
    assert len(read.outcomes) == 3


def test_what_is_measured_before_a_failure_is_kept_and_not_measured_again(attempted, monkeypatch):
    attempt = measurement.sweeps.attempt

    def second_fails_once(lm, plan, prompt, pause):
        outcome = attempt(lm, plan, prompt, pause)
        if attempted == [0, 1]:
            raise StabilityError("It was stopped: start it again.")
        return outcome

    monkeypatch.setattr(measurement.sweeps, "attempt", second_fails_once)
    stopped = measurement_of(SweepRequest("stopped", PROMPTS, 1))
    with pytest.raises(StabilityError, match="was stopped"):
        stopped.run(on_stop=None)
    assert [*stopped.outcomes] == [0]
    stopped.run(on_stop=None)
    assert attempted == [0, 1, 1, 2]
    assert [*stopped.outcomes] == [0, 1, 2]


def test_what_a_visitor_stops_goes_on_with_the_prompt_it_was_at(monkeypatch):
    request, measured = SweepRequest("stopped by hand", PROMPTS, 1), []

    def measure(lm, plan, prompt, pause):
        measured.append(prompt.index)
        if measured == [0, 1]:
            measurement._jobs.find(request).stop()
        pause()
        return SCHEMA.empty_table()

    monkeypatch.setattr(background, "st", MagicMock())
    monkeypatch.setattr(measurement, "loaded", lambda name: MagicMock())
    monkeypatch.setattr(sweeps, "measure", measure)
    stopped = measurement_of(request)
    with pytest.raises(StabilityError, match="was stopped"):
        stopped.run(on_stop=None)
    assert [*stopped.outcomes] == [0]
    stopped.run(on_stop=None)
    assert measured == [0, 1, 1, 2]
    assert [*stopped.outcomes] == [0, 1, 2]
    assert all(not isinstance(outcome, str) for outcome in stopped.outcomes.values())


def test_prompts_that_could_not_be_measured_are_tried_again_and_no_others(attempted):
    again = measurement_of(SweepRequest("tried again", PROMPTS, 1))
    again.run(on_stop=None)
    again._outcomes[1] = SCHEMA.empty_table()
    again.forget_failures()
    assert [*again.outcomes] == [1]
    again.run(on_stop=None)
    assert attempted == [0, 1, 2, 0, 2]
    assert len(again.outcomes) == 3


def test_another_request_has_outcomes_of_its_own(attempted):
    measurement_of(SweepRequest("one position", PROMPTS, 1)).run(on_stop=None)
    assert not measurement_of(SweepRequest("one position", PROMPTS, 2)).outcomes


def test_a_measurement_that_nobody_holds_and_that_never_ended_is_forgotten(attempted):
    held = measurement_of(SweepRequest("left", PROMPTS, 1))
    held._outcomes[0] = "of an earlier run"
    assert measurement_of(SweepRequest("left", PROMPTS, 1)).outcomes
    del held
    gc.collect()
    assert not measurement_of(SweepRequest("left", PROMPTS, 1)).outcomes
