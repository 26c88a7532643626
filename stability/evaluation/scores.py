"""Scores of predicted radii against the true ones: overall, by direction, by entropy and by site."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from stability.curvature.direction_spec import NAMES
from stability.errors import StabilityError
from stability.evaluation import bootstrap
from stability.evaluation.bootstrap import Estimate
from stability.units import relative_error

# edges of bands, in nats
ENTROPIES = (0.1, 0.3, 1.0, 2.0, 3.0, 4.0)
# columns that cases are grouped by
BY = {"direction": "kind", "entropy": "entropy", "site": "site"}


@dataclass(frozen=True)
class Score:
    """The shares of `n` radii, from so many prompts, that are within 8 % and 50 % of the truth.

    The error is `predicted/actual − 1`; the median is that of its absolute value.
    """

    n: int
    prompts: int
    within_8: Estimate
    within_50: Estimate
    median_error: Estimate


def errors(measured: pd.DataFrame, column: str) -> tuple[Float[ndarray, " n"], Int[ndarray, " n"]]:
    """The absolute relative errors of a column's radii, and the prompt of each.

    Cases for which the column has no radius are left out.
    """
    predicted = measured[measured[column].notna()]
    sizes = relative_error(predicted[column], predicted["actual"]).abs()
    return sizes.to_numpy(float), predicted["prompt_index"].to_numpy()


def within(measured: pd.DataFrame, column: str, limit: float) -> Estimate:
    """The share of a column's radii whose error is below a limit."""
    sizes, prompts = errors(measured, column)
    return bootstrap.share(sizes < limit, prompts)


def score(measured: pd.DataFrame, column: str) -> Score:
    """The score of a column's radii; raises StabilityError where no case has one."""
    sizes, prompts = errors(measured, column)
    if not len(sizes):
        raise StabilityError(
            "A score needs at least one measurement; received none: widen the filters."
        )
    return Score(
        n=len(sizes),
        prompts=len(np.unique(prompts)),
        within_8=within(measured, column, 0.08),
        within_50=within(measured, column, 0.5),
        median_error=bootstrap.median(sizes, prompts),
    )


def banded(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    """The band of each value, as text; the categories are in ascending order."""
    return pd.cut(values, [-np.inf, *edges, np.inf]).cat.rename_categories(_band_text)


def _band_text(band: pd.Interval) -> str:
    if np.isinf(band.left):
        return f"below {band.right:g}"
    return f"above {band.left:g}" if np.isinf(band.right) else f"{band.left:g}–{band.right:g}"


def parts(measured: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Group cases by one of `BY`, with the name of each group; sites keep the order of the cases."""
    values = measured[BY[by]]
    if by == "entropy":
        values = banded(values, ENTROPIES)
    for name, part in measured.groupby(values, observed=True, sort=by != "site"):
        yield NAMES.get(str(name), str(name)) if by == "direction" else str(name), part
