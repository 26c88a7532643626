"""How right predicted radii are: of all cases, and by direction, by entropy and by site."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from stability.errors import StabilityError
from stability.evaluation import bootstrap
from stability.evaluation.bootstrap import Estimate
from stability.units import relative_error

ENTROPIES = (0.1, 0.3, 1.0, 2.0, 3.0, 4.0)  # edges of bands, in nats
BY = {"direction": "kind", "entropy": "entropy", "site": "site"}  # what cases are told apart by


@dataclass(frozen=True)
class Score:
    """How many of `n` radii, from so many prompts, are within 8 % and 50 % of the truth.

    The error is `predicted/actual − 1`, and its median that of its size.
    """

    n: int
    prompts: int
    within_8: Estimate
    within_50: Estimate
    median_error: Estimate


def errors(found: pd.DataFrame, column: str) -> tuple[Float[ndarray, " n"], Int[ndarray, " n"]]:
    """Sizes of the relative errors of a column's radii, and the prompts they come from.

    Cases for which the column has no radius are left out.
    """
    known = found[found[column].notna()]
    sizes = relative_error(known[column], known["actual"]).abs()
    return sizes.to_numpy(float), known["prompt_index"].to_numpy()


def within(found: pd.DataFrame, column: str, limit: float) -> Estimate:
    """The share of a column's radii whose error is below a limit."""
    sizes, prompts = errors(found, column)
    return bootstrap.share(sizes < limit, prompts)


def score(found: pd.DataFrame, column: str) -> Score:
    """The score of a column's radii in cases; raises StabilityError where there are none."""
    sizes, prompts = errors(found, column)
    if not len(sizes):
        raise StabilityError(
            "A score needs at least one measurement; received none: widen the filters."
        )
    return Score(
        n=len(sizes),
        prompts=len(np.unique(prompts)),
        within_8=within(found, column, 0.08),
        within_50=within(found, column, 0.5),
        median_error=bootstrap.median(sizes, prompts),
    )


def banded(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    """The band of each value, spelled; bands are in order."""
    return pd.cut(values, [-np.inf, *edges, np.inf]).cat.rename_categories(_spell)


def _spell(band: pd.Interval) -> str:
    if np.isinf(band.left):
        return f"below {band.right:g}"
    return f"above {band.left:g}" if np.isinf(band.right) else f"{band.left:g}–{band.right:g}"


def parts(found: pd.DataFrame, by: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Cases told apart by one of `BY`, each part with its name; sites come in the cases' order."""
    values = found[BY[by]]
    if by == "entropy":
        values = banded(values, ENTROPIES)
    for name, part in found.groupby(values, observed=True, sort=by != "site"):
        yield str(name), part
