"""Intervals over prompts, against closed forms, scipy and a plain loop."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from stability.evaluation import bootstrap

PROMPTS = np.repeat(np.arange(30), 8)


@pytest.fixture
def draw():
    return np.random.default_rng(1)


def by_hand(statistic, prompts, draws=3000):
    """The same interval by a loop that draws prompts and puts their rows together."""
    generator, names = np.random.default_rng(7), np.unique(prompts)
    rows = [np.flatnonzero(prompts == name) for name in names]
    values = [
        statistic(np.concatenate([rows[i] for i in generator.integers(len(rows), size=len(rows))]))
        for _ in range(draws)
    ]
    return np.quantile(values, [0.025, 0.975])


def test_a_share_is_a_mean_and_its_interval_that_of_a_plain_bootstrap(draw):
    flags = draw.random(len(PROMPTS)) < np.repeat(draw.random(30), 8)
    estimate = bootstrap.share(flags, PROMPTS)
    assert estimate.value == flags.mean()
    expected = by_hand(lambda rows: flags[rows].mean(), PROMPTS)
    # quantiles of 400 draws wander by about a tenth of the interval's width
    width = expected[1] - expected[0]
    np.testing.assert_allclose([estimate.low, estimate.high], expected, atol=0.2 * width)


def test_a_median_is_numpys_lower_one_and_its_interval_that_of_a_plain_bootstrap(draw):
    values = draw.standard_normal(len(PROMPTS)) + np.repeat(draw.standard_normal(30), 8)
    estimate = bootstrap.median(values, PROMPTS)
    assert estimate.value == np.quantile(values, 0.5, method="inverted_cdf")
    expected = by_hand(lambda rows: np.median(values[rows]), PROMPTS)
    width = expected[1] - expected[0]
    np.testing.assert_allclose([estimate.low, estimate.high], expected, atol=0.2 * width)


def test_a_rank_correlation_is_scipys(draw):
    x = draw.standard_normal(len(PROMPTS))
    y = x + draw.standard_normal(len(PROMPTS))
    estimate = bootstrap.rank_correlation(x, y, PROMPTS)
    assert estimate.value == pytest.approx(spearmanr(x, y).statistic, rel=1e-12)
    assert estimate.low < estimate.value < estimate.high
    assert bootstrap.rank_correlation(x, np.exp(x), PROMPTS).low == pytest.approx(1)
    assert bootstrap.rank_correlation(x, -x, PROMPTS).high == pytest.approx(-1)


def test_a_rank_correlation_ranks_every_draw_anew_and_shares_the_ranks_of_ties(draw):
    x = np.round(draw.standard_normal(len(PROMPTS)) + np.repeat(draw.standard_normal(30), 8))
    y = np.round(x + draw.standard_normal(len(PROMPTS)))
    estimate = bootstrap.rank_correlation(x, y, PROMPTS)
    assert estimate.value == pytest.approx(spearmanr(x, y).statistic, rel=1e-12)
    expected = by_hand(lambda rows: spearmanr(x[rows], y[rows]).statistic, PROMPTS, draws=1000)
    width = expected[1] - expected[0]
    np.testing.assert_allclose([estimate.low, estimate.high], expected, atol=0.2 * width)


def test_rows_of_a_prompt_that_are_copies_tell_no_more_than_one(draw):
    flags = draw.random(30) < 0.5
    lone = bootstrap.share(flags, np.arange(30))
    copied = bootstrap.share(np.repeat(flags, 8), PROMPTS)
    np.testing.assert_allclose(copied, lone, rtol=1e-12)


def test_one_prompt_has_no_interval():
    estimate = bootstrap.share(np.array([True, False, False]), np.zeros(3, dtype=int))
    assert estimate.value == pytest.approx(1 / 3)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)
    assert estimate.spelled() == "33.3 %"


@pytest.mark.parametrize(
    ("unit", "numbers", "expected"),
    [
        ("%", (0.25, 0.09876, 0.985), "25.0 % [9.88, 98.5]"),
        ("%", (0.99876, 0.9901, 1.0), "99.88 % [99.01, 100]"),
        ("times", (0.25, 0.09876, 1.0), "0.250 times [0.0988, 1.00]"),
        ("", (0.25, 0.09876, 1.0), "0.250 [0.0988, 1.00]"),
    ],
)
def test_an_estimate_is_spelled_to_three_digits_or_by_what_is_missing(unit, numbers, expected):
    assert bootstrap.Estimate(*numbers).spelled(unit).replace("\xa0", " ") == expected
