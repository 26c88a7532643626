"""Calibration: against scikit-learn, brute force, and power laws whose fit is known."""

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
    CERTIFIED_INNER,
    CLOSED_FORM,
    FOLDS,
    MOMENTS,
    PREDICTORS,
    after,
    calibrated,
    cases,
    fit,
    fits,
    held_out,
    with_calibrated,
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
                        CERTIFIED_INNER: predicted if site == "prelogit" else np.nan,
                        MOMENTS: actual if site == "prelogit" else np.nan,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def test_cases_are_the_rows_with_a_boundary_and_a_prediction():
    measured = cases(
        table(
            predicted=[1.0, None, 3.0],
            actual=[1.5, 2.0, None],
            inner=[0.5, 0.5, 0.5],
            moment_inner=[1.0, 1.0, 1.0],
            moment_outer=[4.0, 4.0, 4.0],
        )
    )
    [row] = measured[[*PREDICTORS]].to_numpy()
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
    measured = many(sites=("prelogit", "final"))
    curves = fits(measured, MOMENTS)
    assert tuple(curves) == EPSILONS
    for epsilon, curve in curves.items():
        part = measured[(measured["epsilon"] == epsilon) & (measured["site"] == "prelogit")]
        expected = fit(part[MOMENTS].to_numpy(), part["actual"].to_numpy())
        np.testing.assert_array_equal(curve.log_predicted, expected.log_predicted)
        np.testing.assert_array_equal(curve.log_actual, expected.log_actual)
    assert fits(measured[measured["site"] == "final"], CERTIFIED_INNER) == {}


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
    measured = many(models=("m", "n"), sites=("prelogit", "block:0"))
    column = calibrated(measured, CLOSED_FORM)
    for _, part in measured.groupby(["model", "site", "epsilon"]):
        alone = held_out(*(part[c].to_numpy() for c in (CLOSED_FORM, "actual", "prompt_index")))
        np.testing.assert_array_equal(column[part.index], alone)
    below = measured["site"] == "block:0"
    assert calibrated(measured, CERTIFIED_INNER)[below].isna().all()
    assert calibrated(measured, CERTIFIED_INNER)[~below].notna().all()
    assert {after(name) for name in PREDICTORS} <= set(with_calibrated(measured).columns)


def test_a_calibration_of_a_constant_factor_finds_it():
    """Held out, what is left is the scatter and a few per cent of the fit's own error."""
    predicted, actual, prompts = scattered(n=3000, spread=0.05)
    radii = held_out(predicted, actual, prompts)
    assert np.median(np.abs(np.log(radii / (2 * predicted)))) < 0.03
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
    radii = held_out(predicted, actual, prompts)
    for name in np.unique(prompts):
        of_prompt = prompts == name
        others = fit(predicted[~of_prompt], actual[~of_prompt])
        np.testing.assert_array_equal(radii[of_prompt], others(predicted[of_prompt]))


@pytest.mark.parametrize("prompts", [2, 12])
def test_no_prompt_sees_itself_whether_its_truth_or_its_prediction_is_absurd(prompts):
    predicted, actual, names = scattered(n=120, prompts=prompts)
    before = held_out(predicted, actual, names)
    for name in range(prompts):
        of_prompt = names == name
        truth = held_out(predicted, np.where(of_prompt, 1e6 * actual, actual), names)
        np.testing.assert_array_equal(truth[of_prompt], before[of_prompt])
        both = held_out(
            np.where(of_prompt, 1e9 * predicted, predicted),
            np.where(of_prompt, 1e-9, actual),
            names,
        )
        # beyond the others' knots their last factor is kept, and their own truths are unmoved
        highest = predicted[~of_prompt].max()
        assert (both[of_prompt] > highest).all()
        assert (truth[~of_prompt] != before[~of_prompt]).any()


def test_neither_the_order_of_rows_nor_their_index_matters():
    measured = many(models=("m", "n"))
    mixed = measured.sample(frac=1, random_state=0)
    # means are taken in another order
    pd.testing.assert_series_equal(
        calibrated(mixed, CLOSED_FORM).sort_index(), calibrated(measured, CLOSED_FORM), rtol=1e-12
    )


def test_rows_without_a_prediction_are_left_out_of_the_fit_and_of_the_calibration():
    measured = many()
    missing = measured.index % 3 == 0
    gappy = measured.assign(**{CERTIFIED_INNER: measured[CERTIFIED_INNER].mask(missing)})
    column = calibrated(gappy, CERTIFIED_INNER)
    np.testing.assert_array_equal(column.isna(), missing)
    np.testing.assert_array_equal(column[~missing], calibrated(measured[~missing], CERTIFIED_INNER))


def test_at_sites_where_nothing_is_certified_cases_keep_the_closed_form():
    measured = cases(table(predicted=[1.0, 2.0], actual=[1.0, 3.0]))
    assert measured[CLOSED_FORM].tolist() == [1.0, 2.0]
    assert measured[[CERTIFIED_INNER, MOMENTS]].isna().all(axis=None)


def test_single_precision_does_not_move_an_epsilon():
    measured = cases(table(predicted=[1.0], actual=[1.0], epsilon=[float(np.float32(0.001))]))
    assert [*measured["epsilon"]] == [0.001]
