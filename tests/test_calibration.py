"""Calibration: against scikit-learn, brute force, and laws whose answer is known."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.isotonic import IsotonicRegression

from stability import bootstrap
from stability.calibration import (
    CERTIFIED,
    CLOSED_FORM,
    INTERVAL,
    MOMENTS,
    PREDICTORS,
    after,
    calibrate,
    calibrated,
    cases,
    fit,
    held_out,
    score,
    with_calibrated,
)
from stability.errors import StabilityError
from stability.plans import SCHEMA

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


def test_a_score_is_a_count():
    predicted, actual, prompts = scattered(spread=0.5)
    found = score(predicted, actual, prompts)
    errors = np.abs(predicted / actual - 1)
    assert (found.n, found.prompts) == (len(actual), 30)
    assert found.within_8 == bootstrap.share(errors < 0.08, prompts)
    assert found.within_50.value == (errors < 0.5).mean()
    assert found.median_error.value == np.quantile(errors, 0.5, method="inverted_cdf")
    with pytest.raises(StabilityError, match="at least one measurement; received none"):
        score(predicted[:0], actual[:0], prompts[:0])


def test_a_calibration_is_exact_at_its_own_epsilons_and_between_them_in_logarithms():
    found = calibrate(many(), CLOSED_FORM)
    assert [*found.epsilons] == [*EPSILONS]
    predicted = np.array([0.5, 3.0])
    ends = [found.radius(predicted, epsilon) for epsilon in EPSILONS]
    for end, curve, one, spread in zip(ends, found.curves, predicted, found.spread, strict=True):
        assert end.value == pytest.approx(curve(np.array([one]))[0])
        assert (end.low / end.value, end.high / end.value) == pytest.approx(tuple(spread))
    middle = found.radius(predicted, 0.1)
    assert middle.value == pytest.approx(np.sqrt(ends[0].value * ends[1].value))
    assert found.radius(predicted, 0.009) is None
    assert found.radius(predicted, 1.1) is None


def test_an_interval_holds_its_share_of_fresh_cases():
    """900 and more of 1,000 in 1,000: three standard deviations of a binomial are 0.03."""
    found = calibrate(many(), CLOSED_FORM)
    fresh, actual, _ = scattered(n=1000, seed=99)
    inside = 0
    for one, true in zip(fresh, actual, strict=True):
        own = found.radius(np.array([one, one]), EPSILONS[0])
        inside += own.low <= true <= own.high
    assert inside / 1000 == pytest.approx(INTERVAL, abs=0.05)  # the fit itself errs by a little
