"""What is found ahead is there when it is asked for."""

import pytest

from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import MODELS
from stability.ui.cached import explore, keyed
from stability.ui.cached.ahead import AHEAD, start_ahead
from stability.ui.choice import Choice

FIRST = Choice(MODELS[0], "One two three", -1, DirectionSpec("eig", 0))


@pytest.mark.usefixtures("smollm2_folder")
def test_other_eigendirections_and_tokens_are_asked_for_without_any_computation(monkeypatch):
    along = explore.start_ray(FIRST).future.result()
    for job in start_ahead(along, FIRST.direction):
        job.future.result()

    def computed(*_, **__):
        raise AssertionError

    for name in ("line", "ray", "resolve"):
        monkeypatch.setattr(explore, name, computed)
    for choice in (
        *(Choice(MODELS[0], FIRST.prompt, -1, DirectionSpec("eig", 1 + i)) for i in range(AHEAD)),
        *(Choice(MODELS[0], FIRST.prompt, position, FIRST.direction) for position in (0, 1)),
    ):
        assert explore.start_ray(choice).future.result().is_complete


@pytest.mark.usefixtures("smollm2_folder")
def test_a_ray_that_was_asked_for_is_kept_however_much_is_found_ahead(monkeypatch):
    keyed.forget_results()
    for kept in keyed._KEPT:
        monkeypatch.setattr(kept, "_max_entries", 1)
    choice = Choice(MODELS[0], "One", -1, DirectionSpec("eig", 0))
    along = explore.start_ray(choice).future.result()
    for job in start_ahead(along, choice.direction):
        job.future.result()
    assert explore.known_line(along.key, choice.direction) is along.line


@pytest.mark.usefixtures("smollm2_folder")
def test_below_the_readout_nothing_is_found_ahead():
    choice = Choice(MODELS[0], "One two", -1, DirectionSpec("eig", 0), "block:29")
    assert start_ahead(explore.start_ray(choice).future.result(), choice.direction) == []
