"""Predicted doses of steering vectors against the true ones, over many texts."""

import numpy as np
import pandas as pd
import pyarrow as pa

from stability.evaluation import bootstrap
from stability.evaluation.bootstrap import Estimate
from stability.units import relative_error

PREDICTED = "predicted"
TEXT_VECTOR = ["prompt_index", "site", "vector", "positions", "statistic"]


def dose_rows(table: pa.Table) -> pd.DataFrame:
    """The rows of a sweep of doses, with `ε` as it was meant: results are in single precision."""
    rows = table.to_pandas()
    rows["epsilon"] = [float(f"{epsilon:.6g}") for epsilon in rows["epsilon"]]
    return rows


def dose_cases(table: pa.Table) -> pd.DataFrame:
    """The rows whose true dose is known, with two columns more.

    `ratio` is predicted over actual, and `part` the length of the change at the predicted dose over
    that of the states.
    """
    rows = dose_rows(table)
    kept = rows[rows["actual"].notna() & rows[PREDICTED].notna()].reset_index(drop=True)
    return kept.assign(ratio=kept[PREDICTED] / kept["actual"], part=kept[PREDICTED] / kept["reach"])


def both_sides(cases: pd.DataFrame) -> pd.DataFrame:
    """The two sides together, where both are reached, with two columns more.

    `actual` is the geometric mean of their doses, in which odd terms cancel; `even` is the logarithm of
    predicted over that, and `odd` half the logarithm of one side's dose over the other's.
    """
    keys = [*TEXT_VECTOR, "epsilon"]
    sides = cases.assign(log=np.log(cases["actual"])).pivot_table(
        ["log", PREDICTED], keys, "side", sort=False
    )
    sides = sides.dropna()
    minus, plus = sides["log", -1], sides["log", 1]
    predicted, middle = sides[PREDICTED, 1], (minus + plus) / 2
    columns = {
        PREDICTED: predicted,
        "actual": np.exp(middle),
        "even": np.log(predicted) - middle,
        "odd": (plus - minus).abs() / 2,
    }
    return pd.DataFrame(columns).reset_index()


def typical_factor(logs: pd.Series) -> float:
    """The root mean square of logarithms, as a factor."""
    return float(np.exp(np.sqrt((logs**2).mean())))


def share_within(cases: pd.DataFrame, limit: float) -> Estimate:
    """The share of predicted doses whose error is below a limit."""
    sizes = relative_error(cases[PREDICTED], cases["actual"]).abs().to_numpy()
    return bootstrap.share(sizes < limit, cases["prompt_index"].to_numpy())


def halves(rows: pd.DataFrame) -> pd.DataFrame:
    """Each text, vector and side once, with its `half_nats`: it is the same at every `ε`."""
    return rows.drop_duplicates([*TEXT_VECTOR, "side"])
