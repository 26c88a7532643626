"""Calibration: against scikit-learn, brute force, and laws whose answer is known."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from support.states import properties

from stability.errors import StabilityError
from stability.evaluation.calibration import (
    CERTIFIED,
    CLOSED_FORM,
    FOLDS,
    INTERVAL,
    MOMENTS,
    NEIGHBOURS,
    PLACED,
    PREDICTORS,
    Places,
    after,
    calibrate,
    calibrated,
    cases,
    fit,
    fits,
    held_out,
    with_calibrated,
    with_places,
)
from stability.sweeps.measurement import SCHEMA

EPSILONS = (0.01, 1.0)


def scattered(n=600, prompts=30, spread=0.2, seed=0):
    """Radii whose truth is twice the prediction, with log-normal scatter."""
    draw = np.random.default_rng(seed)
    predicted = draw.lognormal(0, 1, n)
    actual = 2 * predicted * draw.lognormal(0, spread, n)
    return predicted, actual, np.resize(np.arange(prompts), n)


def table(**columns):
    """A sweep's table with some columns given."""
    n = len(next(iter(columns.values())))
    rows = {name: columns.get(name, [None] * n) for name in SCHEMA.names}
    return pa.table(rows, schema=SCHEMA)


def many(models=("m",), sites=("prelogit",)):
    parts = []
    for i, (model, site) in enumerate((m, s) for m in models for s in sites):
        for j, epsilon in enumerate(EPSILONS):
            predicted, actual, prompts = scattered(seed=7 * i + j)
            parts.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "site": site,
                        "epsilon": epsilon,
                        "prompt_index": prompts,
                        "actual": (1 + i) * actual,
                        CLOSED_FORM: predicted,
                        CERTIFIED: predicted if site == "prelogit" else np.nan,
                        MOMENTS: actual if site == "prelogit" else np.nan,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def test_cases_are_the_rows_with_a_boundary_and_a_prediction():
    found = cases(
        table(
            predicted=[1.0, None, 3.0],
            actual=[1.5, 2.0, None],
            inner=[0.5, 0.5, 0.5],
            moment_inner=[1.0, 1.0, 1.0],
            moment_outer=[4.0, 4.0, 4.0],
        )
    )
    [row] = found[[*PREDICTORS]].to_numpy()
    np.testing.assert_allclose(row.astype(float), [1.0, 0.5, 2.0])


def test_a_fit_is_scikit_learns_and_never_falls():
    predicted, actual, _ = scattered()
    curve = fit(predicted, actual)
    expected = (
        IsotonicRegression().fit(np.log(predicted), np.log(actual)).predict(np.log(predicted))
    )
    np.testing.assert_allclose(np.log(curve(predicted)), expected, atol=1e-12)
    grid = np.geomspace(1e-4, 1e4, 1000)
    assert (np.diff(np.log(curve(grid))) >= -1e-12).all()  # steps are flat up to rounding


def test_fits_are_those_of_each_epsilon_to_all_cases_that_have_a_radius():
    found = many(sites=("prelogit", "final"))
    curves = fits(found, MOMENTS)
    assert tuple(curves) == EPSILONS
    for epsilon, curve in curves.items():
        part = found[(found["epsilon"] == epsilon) & (found["site"] == "prelogit")]
        expected = fit(part[MOMENTS].to_numpy(), part["actual"].to_numpy())
        np.testing.assert_array_equal(curve.log_predicted, expected.log_predicted)
        np.testing.assert_array_equal(curve.log_actual, expected.log_actual)
    assert fits(found[found["site"] == "final"], CERTIFIED) == {}


def test_beyond_the_knots_the_last_factor_is_kept():
    curve = fit(np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0, 20.0]))
    np.testing.assert_allclose(curve(np.array([0.1, 1.0, 4.0, 40.0])), [0.3, 3.0, 20.0, 200.0])


def test_a_prompt_does_not_see_itself():
    predicted, actual, prompts = scattered()
    before = held_out(predicted, actual, prompts)
    absurd = np.where(prompts == 3, 1e6 * actual, actual)
    after_it = held_out(predicted, absurd, prompts)
    np.testing.assert_array_equal(after_it[prompts == 3], before[prompts == 3])
    assert (after_it[prompts != 3] != before[prompts != 3]).any()


def test_a_lone_prompt_cannot_be_held_out():
    with pytest.raises(
        StabilityError, match="scored on other prompts; received 1: measure at least"
    ):
        held_out(*scattered(prompts=1))


def test_every_model_site_and_epsilon_has_its_own_fit():
    found = many(models=("m", "n"), sites=("prelogit", "block:0"))
    column = calibrated(found, CLOSED_FORM)
    for _, part in found.groupby(["model", "site", "epsilon"]):
        alone = held_out(*(part[c].to_numpy() for c in (CLOSED_FORM, "actual", "prompt_index")))
        np.testing.assert_array_equal(column[part.index], alone)
    below = found["site"] == "block:0"
    assert calibrated(found, CERTIFIED)[below].isna().all()
    assert calibrated(found, CERTIFIED)[~below].notna().all()
    assert {after(name) for name in PREDICTORS} <= set(with_calibrated(found).columns)


def test_a_calibration_of_a_constant_factor_finds_it():
    """Held out, what is left is the scatter and a few per cent of the fit's own error."""
    predicted, actual, prompts = scattered(n=3000, spread=0.05)
    found = held_out(predicted, actual, prompts)
    assert np.median(np.abs(np.log(found / (2 * predicted)))) < 0.03
    assert np.median(np.abs(predicted / actual - 1)) == pytest.approx(0.5, abs=0.02)


# --- the fit, by other means ----------------------------------------------------------------------


@properties(40)
@given(st.integers(0, 10**6), st.integers(1, 25), st.floats(0, 2))
def test_a_fit_is_the_greatest_of_the_least_means(seed, n, spread):
    """Isotonic regression in closed form: `max over i ≤ k of min over j ≥ k of mean(yᵢ … yⱼ)`."""
    predicted, actual, _ = scattered(n=n, spread=spread, seed=seed)
    order = predicted.argsort()
    y = np.log(actual[order])
    expected = [
        max(min(y[i:j].mean() for j in range(k + 1, n + 1)) for i in range(k + 1)) for k in range(n)
    ]
    # means of at most 25 numbers of size one
    np.testing.assert_allclose(
        np.log(fit(predicted, actual)(predicted[order])), expected, atol=1e-12
    )


def test_a_fit_to_what_only_grows_is_exact_and_between_its_points_a_power_law():
    predicted = np.array([4.0, 0.1, 1.0, 30.0])
    curve = fit(predicted, 3 * predicted**1.7)
    grid = np.geomspace(0.1, 30, 50)
    np.testing.assert_allclose(curve(grid), 3 * grid**1.7, rtol=1e-13)


def test_a_fit_to_one_point_is_its_factor():
    np.testing.assert_allclose(
        fit(np.array([2.0]), np.array([5.0]))(np.array([0.2, 2.0, 20.0])), [0.5, 5.0, 50.0]
    )


# --- what is held out -----------------------------------------------------------------------------


def test_with_as_many_prompts_as_folds_each_is_fitted_by_all_others():
    predicted, actual, prompts = scattered(n=100, prompts=FOLDS)
    prompts = 100 - 7 * prompts  # names in no order
    found = held_out(predicted, actual, prompts)
    for name in np.unique(prompts):
        own = prompts == name
        others = fit(predicted[~own], actual[~own])
        np.testing.assert_array_equal(found[own], others(predicted[own]))


@pytest.mark.parametrize("prompts", [2, 12])
def test_no_prompt_sees_itself_whether_its_truth_or_its_prediction_is_absurd(prompts):
    predicted, actual, names = scattered(n=120, prompts=prompts)
    before = held_out(predicted, actual, names)
    for name in range(prompts):
        own = names == name
        truth = held_out(predicted, np.where(own, 1e6 * actual, actual), names)
        np.testing.assert_array_equal(truth[own], before[own])
        both = held_out(
            np.where(own, 1e9 * predicted, predicted), np.where(own, 1e-9, actual), names
        )
        # beyond the others' knots their last factor is kept, and their own truths are unmoved
        highest = predicted[~own].max()
        assert (both[own] > highest).all()
        assert (truth[~own] != before[~own]).any()


def test_neither_the_order_of_rows_nor_their_index_matters():
    found = many(models=("m", "n"))
    mixed = found.sample(frac=1, random_state=0)
    # means are taken in another order
    pd.testing.assert_series_equal(
        calibrated(mixed, CLOSED_FORM).sort_index(), calibrated(found, CLOSED_FORM), rtol=1e-12
    )


def test_rows_without_a_prediction_are_left_out_of_the_fit_and_of_the_calibration():
    found = many()
    missing = found.index % 3 == 0
    gappy = found.assign(**{CERTIFIED: found[CERTIFIED].mask(missing)})
    column = calibrated(gappy, CERTIFIED)
    np.testing.assert_array_equal(column.isna(), missing)
    np.testing.assert_array_equal(column[~missing], calibrated(found[~missing], CERTIFIED))


def test_at_sites_where_nothing_is_certified_cases_keep_the_closed_form():
    found = cases(table(predicted=[1.0, 2.0], actual=[1.0, 3.0]))
    assert found[CLOSED_FORM].tolist() == [1.0, 2.0]
    assert found[[CERTIFIED, MOMENTS]].isna().all(axis=None)


# --- places in brackets ---------------------------------------------------------------------------


def bracketed(n=4000, prompts=200, seed=0, epsilons=EPSILONS):
    """Brackets from narrow to wide; boundaries lie in the middle, and in wide ones near the inner end.

    A place is the mean of two uniform numbers, to the power of one and the width.
    """
    parts = []
    for j, epsilon in enumerate(epsilons):
        draw = np.random.default_rng([seed, j])
        widths, inner = draw.uniform(0.01, 3, n), draw.lognormal(0, 1, n)
        places = draw.random((2, n)).mean(axis=0) ** (1 + widths)
        part = {"model": "m", "site": "prelogit", "epsilon": epsilon}
        part |= {"prompt_index": np.resize(np.arange(prompts), n), "moment_inner": inner}
        part |= {"moment_outer": inner * np.exp(widths), "actual": inner * np.exp(places * widths)}
        parts.append(pd.DataFrame(part))
    found = pd.concat(parts, ignore_index=True)
    return found.assign(**{MOMENTS: (found["moment_inner"] * found["moment_outer"]) ** 0.5})


def test_places_are_the_quantiles_of_those_around():
    widths = np.sort(np.random.default_rng(0).uniform(0, 3, 1000))
    places = np.linspace(0, 1, 1000)
    found = Places(widths, places).among(widths[[0, 500, 999]])
    tails = [0.5, (1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    for column, start in zip(found.T, (0, 400, 800), strict=True):
        expected = np.quantile(places[start : start + NEIGHBOURS], tails)
        np.testing.assert_allclose(column, expected, rtol=1e-12)
    few = Places(widths[:3], places[:3]).among(np.array([1.0]))
    np.testing.assert_allclose(few[:, 0], np.quantile(places[:3], tails))


def test_a_radius_never_leaves_its_bracket_and_its_place_is_interpolated_between_epsilons():
    made = calibrate(bracketed())
    for width in (1e-3, 0.5, 30.0):
        inner, outer = 2.0, 2 * np.exp(width)
        ends = [made.radius(inner, outer, epsilon) for epsilon in EPSILONS]
        middle = made.radius(inner, outer, 0.1)
        for own in (*ends, middle):
            assert inner <= own.low <= own.value <= own.high <= outer
        # 0.1 is half way from 0.01 to 1, and places are logarithms of radii
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
        (fresh["actual"] < [own.low for own in ends]).mean(),
        (fresh["actual"] > [own.high for own in ends]).mean(),
    ]
    # a quantile of 200 cases has a standard error of 0.015, of some 1,300 in the band of about 0.007
    np.testing.assert_allclose(outside, (1 - INTERVAL) / 2, atol=0.02)


def test_held_out_places_keep_their_promise_and_do_not_see_their_prompt():
    found = bracketed(n=1000, prompts=20)
    known = with_places(found)
    inside = known["actual"].between(known["low"], known["high"])
    assert inside.mean() == pytest.approx(INTERVAL, abs=0.03)
    own = found["prompt_index"] == 7
    absurd = with_places(found.assign(actual=found["actual"].mask(own, found["moment_outer"])))
    columns = [PLACED, "low", "high"]
    pd.testing.assert_frame_equal(absurd.loc[own, columns], known.loc[own, columns])
    assert not absurd.loc[~own, columns].equals(known.loc[~own, columns])


def test_cases_without_a_bracket_have_no_place():
    found = bracketed(n=300, prompts=10)
    missing = found.index % 3 == 0
    gappy = found.assign(**{MOMENTS: found[MOMENTS].mask(missing)})
    pd.testing.assert_frame_equal(
        with_places(gappy)[["low", "high"]],
        with_places(found[~missing].reset_index(drop=True))[["low", "high"]].set_index(
            found.index[~missing]
        ),
    )
    one, other = calibrate(gappy), calibrate(found[~missing])
    np.testing.assert_array_equal(one.places[0].places, other.places[0].places)


def test_single_precision_does_not_move_an_epsilon():
    found = cases(table(predicted=[1.0], actual=[1.0], epsilon=[float(np.float32(0.001))]))
    assert [*found["epsilon"]] == [0.001]
