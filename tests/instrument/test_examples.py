"""Examples: what to look at is said of them alone, and is true."""

import numpy as np
import pytest

import stability
from stability.defaults import MODELS
from stability.geometry.analysis import analyze
from stability.instrument.examples import EXAMPLES, look_at


def test_a_note_is_for_the_example_that_it_was_written_for():
    example = EXAMPLES["code"]
    assert look_at(example.prompt, MODELS[0], 0) == example.look_at
    assert look_at(example.prompt + " ", MODELS[0], 0) is None
    assert look_at(example.prompt, MODELS[1], 0) is None
    assert look_at(example.prompt, MODELS[0], 1) is None
    assert look_at(example.prompt, MODELS[0], None) is None


@pytest.fixture(scope="module")
def opened(smollm2_folder):
    """The analysis of every example as it is opened, by name."""
    lm = stability.load(str(smollm2_folder))
    return {name: analyze(lm, example.prompt, k=1) for name, example in EXAMPLES.items()}


@pytest.mark.slow
def test_the_notes_are_true_of_the_default_model(opened):
    def ends(name, epsilon):
        return opened[name].ray.find(np.array([epsilon])).distances[:, 0]

    def first(name, side):
        return next(iter(opened[name].ray.flips()[side]), None)

    fact, story, code, tie, bracket = opened
    predicted = opened[fact].ray.predicted_radius(1.0)
    assert ends(fact, 1.0)[0] > 1.2 * predicted > 1.2 * 1.2 * ends(fact, 1.0)[1]
    assert first(fact, 1).text == " the"
    assert first(fact, 1).distance < ends(fact, 1.0)[1]
    assert ends(story, 0.01).min() > ends(fact, 0.01).max()
    assert opened[story].state.entropy > 2 * opened[fact].state.entropy
    assert ends(code, 1.0)[1] > 10 * ends(code, 1.0)[0]
    assert opened[code].state.probs.max() > 0.99
    assert first(tie, 0).text == " tails"
    assert first(tie, 0).distance == pytest.approx(0.2 * ends(tie, 0.01)[0], rel=0.1)
    assert (first(bracket, 0).text, first(bracket, 1)) == ("),", None)
