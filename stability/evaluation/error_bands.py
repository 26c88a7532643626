"""Where the closed form breaks, and why: its error over bands of what might explain it."""

from collections.abc import Sequence

import pandas as pd

from stability.evaluation.calibration import CLOSED_FORM
from stability.evaluation.scores import banded
from stability.units import relative_error

FEWEST = 20  # cases that make a median worth drawing


def bands(found: pd.DataFrame, values: pd.Series, edges: Sequence[float]) -> pd.DataFrame:
    """The median size of the closed form's error over bands of a quantity, for each `ε`.

    Columns `band`, `epsilon` and `error`; bands with fewer than `FEWEST` cases are left out.
    """
    sizes = relative_error(found[CLOSED_FORM], found["actual"]).abs()
    grouped = sizes.groupby([banded(values, edges), found["epsilon"]], observed=True)
    kept = grouped.median()[grouped.size() >= FEWEST].reset_index()
    kept.columns = ["band", "epsilon", "error"]
    return kept


def asymmetry(found: pd.DataFrame) -> pd.Series:
    """`κ₃ r/(6κ₂)` towards each case's side: the first term of the closed form's error there."""
    return found["kappa3"] * found["side"] * found[CLOSED_FORM] / (6 * found["curvature"])


def growth(found: pd.DataFrame) -> pd.Series:
    """`r · max a_c` towards each case's side, in nats.

    What the token that gains most gains in log weight up to the predicted radius.
    """
    steepest = found["highest"].where(found["side"] > 0, -found["lowest"])
    return steepest * found[CLOSED_FORM]
