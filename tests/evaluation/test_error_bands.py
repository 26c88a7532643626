"""Where the closed form breaks: medians by counting, and the next term of the series."""

import math

import numpy as np
import pandas as pd
import pytest

from stability.evaluation.calibration import CLOSED_FORM
from stability.evaluation.error_bands import asymmetry, bands, growth


def test_bands_hold_the_median_error_of_their_cases():
    frame = pd.DataFrame(
        {
            "epsilon": np.repeat([0.1, 1.0], 60),
            CLOSED_FORM: 1 + np.tile(np.arange(60) / 100, 2),
            "actual": 1.0,
        }
    )
    values = pd.Series(np.tile(np.repeat([0.5, 5.0], 30), 2))
    drawn = bands(frame, values, [1.0, 10.0])
    assert [*drawn["band"].unique()] == ["below 1", "1–10"]
    lower = drawn[(drawn["band"] == "below 1") & (drawn["epsilon"] == 1.0)]
    assert lower["error"].item() == pytest.approx(0.145)
    assert bands(frame[:30], values[:30], [0.1]).shape[0] == 1  # an empty band is left out
    assert bands(frame[:19], values[:19], [0.1]).empty  # so is one with too few


def test_the_first_term_of_the_error_is_that_of_the_series():
    """Where `KL = κ₂t²/2 + κ₃t³/6`, the closed form is too long by `κ₃ r/(6κ₂)` to first order."""
    second, third, epsilon = 2.0, 0.5, 1e-6
    r = math.sqrt(2 * epsilon / second)
    t = r
    for _ in range(50):  # the boundary, by a contraction
        t = math.sqrt(2 * (epsilon - third * t**3 / 6) / second)
    frame = pd.DataFrame(
        {"kappa3": [third, third], "side": [1, -1], CLOSED_FORM: [r, r], "curvature": [second] * 2}
    )
    plus, minus = asymmetry(frame)
    assert plus == pytest.approx(r / t - 1, rel=1e-2)
    assert minus == -plus


def test_growth_is_what_the_steepest_token_of_a_side_gains():
    frame = pd.DataFrame(
        {"lowest": [-3.0] * 2, "highest": [0.5] * 2, "side": [-1, 1], CLOSED_FORM: [2.0, 4.0]}
    )
    assert [*growth(frame)] == [6.0, 2.0]
