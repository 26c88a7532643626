"""The calibrated radii of the app: those of the shipped results, of these models and sites only."""

import numpy as np
import pytest
import streamlit as st
from support.app import use_results
from support.models import FAMILIES, PROMPT, save_model

import stability
from stability.errors import StabilityError
from stability.evaluation.bracket_fractions import calibrate
from stability.geometry.analysis import analyze
from stability.ui.cached import calibration as cached


@pytest.fixture(autouse=True)
def _empty():
    yield
    st.cache_resource.clear()


@pytest.fixture
def lm(smollm2):
    return smollm2


@pytest.fixture(scope="module")
def shipped_cases():
    return cached.shipped("smollm2-135m")


def test_a_calibrated_radius_is_that_of_the_shipped_curve_and_holds_the_truth(lm, shipped_cases):
    analysis = analyze(lm, "The capital of France is")
    calibration = calibrate(shipped_cases[shipped_cases["site"] == "prelogit"])
    rows = {row["epsilon"]: (row["minus"], row["plus"]) for row in cached.calibrated(analysis)}
    for epsilon in (0.001, 0.05, 1.0):
        brackets = analysis.ray.moment_brackets(np.array([epsilon]))[:, :, 0]
        sides = rows[epsilon]
        for bracket, side, actual in zip(
            brackets, sides, analysis.ray.boundary(epsilon), strict=True
        ):
            # brackets of many ε at once are summed in another order
            assert side == pytest.approx(calibration.radius(*bracket, epsilon), rel=1e-12)
            assert bracket[0] <= side.low <= side.value <= side.high <= bracket[1]
            assert bracket[0] <= actual <= bracket[1]
    assert max(rows) == 1.0  # nothing was measured beyond one nat
    below = analyze(lm, "The capital of France is", site="final", k=1)
    assert cached.calibrated(below) is None


def test_models_without_results_have_no_calibrated_radius(tmp_path):
    lm = stability.load(str(save_model(tmp_path, FAMILIES["llama"]())), device="cpu")
    assert cached.calibrated(analyze(lm, PROMPT)) is None


def test_missing_results_are_none_and_damaged_ones_raise(lm, tmp_path, monkeypatch):
    analysis = analyze(lm, PROMPT, k=1)
    use_results(tmp_path, monkeypatch)
    assert cached.calibrated(analysis) is None
    (tmp_path / "smollm2-135m.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(StabilityError, match="is damaged"):
        cached.calibrated(analysis)
    below = analyze(lm, PROMPT, site="final", k=1)
    assert cached.calibrated(below) is None  # where no radius is calibrated
