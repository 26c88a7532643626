"""How right radii are: counts against counting, intervals against theory, and every part once."""

import numpy as np
import pandas as pd
import pytest

from stability.curvature.direction_spec import NAMES
from stability.errors import StabilityError
from stability.evaluation import bootstrap
from stability.evaluation.scores import BY, ENTROPIES, banded, errors, parts, score, within


def of(predicted, actual, prompts):
    """Cases with one column of radii."""
    return pd.DataFrame({"r": predicted, "actual": actual, "prompt_index": prompts})


def scattered(n=600, prompts=30, spread=0.5):
    draw = np.random.default_rng(0)
    actual = draw.lognormal(0, 1, n)
    return actual * draw.lognormal(0, spread, n), actual, np.resize(np.arange(prompts), n)


def test_a_score_is_a_count():
    predicted, actual, prompts = scattered(spread=0.5)
    scored = score(of(predicted, actual, prompts), "r")
    sizes = np.abs(predicted / actual - 1)
    assert (scored.n, scored.prompts) == (len(actual), 30)
    assert scored.within_8 == bootstrap.share(sizes < 0.08, prompts)
    assert scored.within_50.value == (sizes < 0.5).mean()
    assert scored.median_error.value == np.quantile(sizes, 0.5, method="inverted_cdf")
    with pytest.raises(StabilityError, match="at least one measurement; received none"):
        score(of(predicted[:0], actual[:0], prompts[:0]), "r")


def test_a_score_counts_what_is_less_than_its_limit_away_on_either_side():
    predicted = np.array([1.0, 1.07, 0.93, 1.09, 0.91, 1.49, 0.51, 1.51, 0.49])
    scored = score(of(predicted, np.ones(9), np.arange(9)), "r")
    assert scored.within_8.value == pytest.approx(3 / 9)
    assert scored.within_50.value == pytest.approx(7 / 9)
    assert scored.median_error.value == pytest.approx(0.09)


def test_prompts_that_differ_widen_the_interval_beyond_that_of_independent_rows():
    """With `k` rows a prompt that are all right or all wrong, by the root of `k`."""
    right, k = np.arange(100) % 2 == 0, 9
    predicted = np.repeat(np.where(right, 1.0, 3.0), k)
    ones = np.ones(len(predicted))
    by_prompt = score(of(predicted, ones, np.repeat(np.arange(100), k)), "r").within_50
    by_row = score(of(predicted, ones, np.arange(100 * k)), "r").within_50
    # each width, the difference of two quantiles of 400 draws, has a standard error of about 5 %
    assert (by_prompt.high - by_prompt.low) / (by_row.high - by_row.low) == pytest.approx(
        3, rel=0.3
    )


def test_the_score_of_one_prompt_has_no_interval():
    predicted, actual, prompts = scattered(prompts=1)
    scored = score(of(predicted, actual, prompts), "r")
    for _, low, high in (scored.within_8, scored.within_50, scored.median_error):
        assert np.isnan([low, high]).all()


def test_cases_without_a_radius_are_left_out():
    predicted, actual, prompts = scattered(n=60, prompts=6)
    missing = prompts == 2
    gappy = of(np.where(missing, np.nan, predicted), actual, prompts)
    alone = of(predicted, actual, prompts)[~missing]
    assert score(gappy, "r") == score(alone, "r")
    assert score(gappy, "r").prompts == 5
    for ours, theirs in zip(errors(gappy, "r"), errors(alone, "r"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert within(gappy, "r", 0.08) == score(alone, "r").within_8


@pytest.mark.parametrize("by", BY)
def test_every_case_is_in_one_part_that_is_named_after_it(by):
    draw, n = np.random.default_rng(0), 300
    measured = pd.DataFrame(
        {
            "kind": draw.choice(["random", "eig"], n),
            "site": np.repeat(["prelogit", "final", "block:0"], n // 3),
            "entropy": draw.exponential(1.5, n),
        }
    )
    split = dict(parts(measured, by))
    assert sorted(np.concatenate([part.index for part in split.values()])) == [*range(n)]
    names = {"direction": ["eigendirection", "random"], "site": ["prelogit", "final", "block:0"]}
    if by != "entropy":
        assert [*split] == names[by]
        for name, part in split.items():
            assert {NAMES.get(value, value) for value in part[BY[by]]} == {name}
    else:
        edges = (-np.inf, *ENTROPIES, np.inf)
        for low, high, (name, part) in zip(edges[:-1], edges[1:], split.items(), strict=True):
            assert ((part["entropy"] > low) & (part["entropy"] <= high)).all()
            assert all(f"{edge:g}" in name for edge in (low, high) if np.isfinite(edge))


def test_bands_are_spelled_in_order_and_hold_their_upper_edge():
    drawn = banded(pd.Series([5.0, 1.0, 0.5, 10.0, 11.0]), [1.0, 10.0])
    assert [*drawn] == ["1–10", "below 1", "below 1", "1–10", "above 10"]
    assert [*drawn.cat.categories] == ["below 1", "1–10", "above 10"]
