"""The closed form's error over bands of quantities that may explain it."""

from collections.abc import Sequence

import pandas as pd

from stability.evaluation.calibration import CLOSED_FORM
from stability.evaluation.scores import banded
from stability.units import relative_error

# fewer cases make no median worth drawing
FEWEST = 20


def bands(measured: pd.DataFrame, values: pd.Series, edges: Sequence[float]) -> pd.DataFrame:
    """The median absolute error of the closed form over bands of a quantity, for each `ε`.

    Columns `band`, `epsilon` and `error`; bands with fewer than `FEWEST` cases are left out.
    """
    sizes = relative_error(measured[CLOSED_FORM], measured["actual"]).abs()
    grouped = sizes.groupby([banded(values, edges), measured["epsilon"]], observed=True)
    medians = grouped.median()[grouped.size() >= FEWEST].reset_index()
    medians.columns = ["band", "epsilon", "error"]
    return medians


def asymmetry(measured: pd.DataFrame) -> pd.Series:
    """`κ₃ r/(6κ₂)` towards each case's side: the first term of the closed form's error there."""
    third, second = measured["kappa3"] * measured["side"], measured["curvature"]
    return third * measured[CLOSED_FORM] / (6 * second)


def growth(measured: pd.DataFrame) -> pd.Series:
    """`r · max a_c` towards each case's side, in nats.

    This is the gain in log weight, up to the predicted radius, of the token that gains most.
    """
    steepest = measured["highest"].where(measured["side"] > 0, -measured["lowest"])
    return steepest * measured[CLOSED_FORM]
