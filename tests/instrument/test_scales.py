"""Ticks, names and steps: what figures share."""

import pytest

from stability.instrument.epsilons import EPSILON_STEPS

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ([0, 0.03], [0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03]),
        ([-0.17, 0.16], [-0.1, 0, 0.1]),
        ([-371, 20], [-300, -200, -100, 0]),
        ([1e-7, 1.1e-6], [2e-7, 4e-7, 6e-7, 8e-7, 1e-6]),
    ],
)
def test_linear_ticks_are_round_and_few(scripts, ends, ticks):
    assert scripts("scales.js", "linearTicks", ends, [[]])[0] == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ([1e-4, 3], [1e-4, 1e-3, 1e-2, 0.1, 1]),
        ([1e-12, 1], [1e-12, 1e-9, 1e-6, 1e-3, 1]),
        ([0.021, 0.74], [0.021, 0.74]),
        ([2, 2], [2]),
    ],
)
def test_a_log_axis_has_decades_alone_or_its_two_ends(scripts, ends, ticks):
    assert scripts("scales.js", "logTicks", ends, [[]])[0] == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.05, "0.05"),
        (-0.0002, "−0.0002"),
        (300, "300"),
        (1e-5, "1e−05"),
        (2500, "2.5e+03"),
    ],
)
def test_a_tick_has_no_zeros_behind_and_no_prefix(scripts, value, text):
    assert scripts("scales.js", "tickText", value, [[]]) == [text]


def test_the_scripts_step_through_the_budgets_of_the_library(scripts):
    ahead = scripts("steps.js", "steppedEpsilon", EPSILON_STEPS[0], [[n] for n in range(46)])
    assert ahead == list(EPSILON_STEPS)
    back = scripts("steps.js", "steppedEpsilon", EPSILON_STEPS[-1], [[-n] for n in range(46)])
    assert back == list(EPSILON_STEPS[::-1])


def test_between_two_budgets_a_step_is_to_the_next(scripts):
    assert scripts("steps.js", "steppedEpsilon", 0.011, [[1], [-1]]) == [0.013, 0.01]


def test_a_sampled_line_is_asked_for_a_sampled_budget_alone(scripts):
    found = scripts("steps.js", "meantEpsilon", {"kind": "sampled"}, [[0.0142], [1e-9], [5]])
    assert found == [0.013, 1e-4, 3]
    assert scripts("steps.js", "meantEpsilon", {"kind": "exact"}, [[0.014237], [5]]) == [0.0142, 3]


def test_names_never_overlap_and_the_first_have_the_first_rows(scripts):
    names = [{"text": str(i), "width": 40, "starts": [50 + 10 * i]} for i in range(9)]
    placed = scripts("labels.js", "placeNames", names, [[[0, 200], 3]])[0]
    assert placed[0] == {"text": "0", "x": 50, "row": 0}
    for i, one in enumerate(placed):
        assert one["x"] + 40 <= 200
        for other in placed[:i]:
            assert one["row"] != other["row"] or abs(one["x"] - other["x"]) >= 40


@pytest.mark.parametrize(
    ("texts", "index", "whole"),
    [
        (["a", "⟨F09F⟩", "⟨8D⟩⟨95⟩", "b"], 2, "🍕"),
        (["a", "⟨F09F⟩", "b"], 1, None),
        (["a", "b"], 0, None),
    ],
)
def test_parts_of_characters_are_explained_by_their_neighbours(scripts, texts, index, whole):
    assert scripts("bytes.js", "wholeText", texts, [[index]]) == [whole]
