"""Radii within brackets: quantiles by sorting, coverage on fresh cases, and held-out prompts."""

import numpy as np
import pandas as pd
import pytest

from stability.evaluation.bracket_fractions import (
    INTERVAL,
    MEDIAN_FRACTION,
    NEIGHBOURS,
    BracketFractions,
    calibrate,
    with_median_fractions,
)
from stability.evaluation.calibration import MOMENTS

pytestmark = pytest.mark.slow

EPSILONS = (0.01, 1.0)


def bracketed(n=4000, prompts=200, seed=0, epsilons=EPSILONS):
    """Brackets from narrow to wide; boundaries lie in the middle, and in wide ones near the inner end.

    A fraction is the mean of two uniform numbers, to the power of one and the width.
    """
    parts = []
    for j, epsilon in enumerate(epsilons):
        draw = np.random.default_rng([seed, j])
        widths, inner = draw.uniform(0.01, 3, n), draw.lognormal(0, 1, n)
        fractions = draw.random((2, n)).mean(axis=0) ** (1 + widths)
        part = {"model": "m", "site": "prelogit", "epsilon": epsilon}
        part |= {"prompt_index": np.resize(np.arange(prompts), n), "moment_inner": inner}
        part |= {
            "moment_outer": inner * np.exp(widths),
            "actual": inner * np.exp(fractions * widths),
        }
        parts.append(pd.DataFrame(part))
    measured = pd.concat(parts, ignore_index=True)
    return measured.assign(
        **{MOMENTS: (measured["moment_inner"] * measured["moment_outer"]) ** 0.5}
    )


def test_quantiles_are_those_of_the_fractions_nearest_in_width():
    widths = np.sort(np.random.default_rng(0).uniform(0, 3, 1000))
    fractions = np.linspace(0, 1, 1000)
    quantiles = BracketFractions(widths, fractions).quantiles(widths[[0, 500, 999]])
    tails = [0.5, (1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    for column, start in zip(quantiles.T, (0, 400, 800), strict=True):
        expected = np.quantile(fractions[start : start + NEIGHBOURS], tails)
        np.testing.assert_allclose(column, expected, rtol=1e-12)
    few = BracketFractions(widths[:3], fractions[:3]).quantiles(np.array([1.0]))
    np.testing.assert_allclose(few[:, 0], np.quantile(fractions[:3], tails))


def test_a_radius_never_leaves_its_bracket_and_its_fraction_is_interpolated_between_epsilons():
    made = calibrate(bracketed())
    for width in (1e-3, 0.5, 30.0):
        inner, outer = 2.0, 2 * np.exp(width)
        ends = [made.radius(inner, outer, epsilon) for epsilon in EPSILONS]
        middle = made.radius(inner, outer, 0.1)
        for estimate in (*ends, middle):
            assert inner <= estimate.low <= estimate.value <= estimate.high <= outer
        # 0.1 is half way from 0.01 to 1, and fractions are of logarithms of radii
        np.testing.assert_allclose(np.log(middle), np.log(ends).mean(axis=0), rtol=1e-9)
        assert made.radius(inner, outer, 0.009) is None
        assert made.radius(inner, outer, 1.1) is None


@pytest.mark.parametrize("low", [0.01, 1.0, 2.0])
def test_a_twentieth_of_fresh_cases_are_beyond_each_end_whatever_the_width(low):
    made, fresh = calibrate(bracketed()), bracketed(n=20_000, seed=1, epsilons=EPSILONS[:1])
    fresh = fresh[np.log(fresh["moment_outer"] / fresh["moment_inner"]).between(low, low + 1)]
    ends = [
        made.radius(inner, outer, EPSILONS[0])
        for inner, outer in zip(fresh["moment_inner"], fresh["moment_outer"], strict=True)
    ]
    outside = [
        (fresh["actual"] < [estimate.low for estimate in ends]).mean(),
        (fresh["actual"] > [estimate.high for estimate in ends]).mean(),
    ]
    # a quantile of 200 cases has a standard error of 0.015, of some 1,300 in the band of about 0.007
    np.testing.assert_allclose(outside, (1 - INTERVAL) / 2, atol=0.02)


def test_held_out_intervals_cover_their_share_and_do_not_see_their_prompt():
    measured = bracketed(n=1000, prompts=20)
    held_out = with_median_fractions(measured)
    inside = held_out["actual"].between(held_out["low"], held_out["high"])
    assert inside.mean() == pytest.approx(INTERVAL, abs=0.03)
    of_one_prompt = measured["prompt_index"] == 7
    at_the_end = measured["actual"].mask(of_one_prompt, measured["moment_outer"])
    absurd = with_median_fractions(measured.assign(actual=at_the_end))
    columns = [MEDIAN_FRACTION, "low", "high"]
    pd.testing.assert_frame_equal(
        absurd.loc[of_one_prompt, columns], held_out.loc[of_one_prompt, columns]
    )
    assert not absurd.loc[~of_one_prompt, columns].equals(held_out.loc[~of_one_prompt, columns])


def test_cases_without_a_bracket_have_no_fraction():
    measured = bracketed(n=300, prompts=10)
    missing = measured.index % 3 == 0
    gappy = measured.assign(**{MOMENTS: measured[MOMENTS].mask(missing)})
    pd.testing.assert_frame_equal(
        with_median_fractions(gappy)[["low", "high"]],
        with_median_fractions(measured[~missing].reset_index(drop=True))[["low", "high"]].set_index(
            measured.index[~missing]
        ),
    )
    gaps, whole = calibrate(gappy), calibrate(measured[~missing])
    np.testing.assert_array_equal(gaps.fractions[0].fractions, whole.fractions[0].fractions)
