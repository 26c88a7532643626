"""Calibrated radii: corrections of a predictor that are fitted to the true radii of other prompts.

A predictor is calibrated by an isotonic map from the logarithm of the predicted radius to that of the
true one, fitted for each model, site and `ε` by itself. Held-out radii come from fits to other prompts:
rows of one prompt are much alike, so that prompts are split, never rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from stability.errors import StabilityError
from stability.exact.moment_bounds import bracket_centre

CLOSED_FORM, CERTIFIED_INNER, MOMENTS = "closed form", "certified inner radius", "four moments"
PREDICTORS = (CLOSED_FORM, CERTIFIED_INNER, MOMENTS)
FITTED_BY = ["model", "site", "epsilon"]
FOLDS, FOLD_SEED = 5, 0


def cases(table: pa.Table) -> pd.DataFrame:
    """The rows of a sweep whose boundary is reached, with a column for each predictor.

    At sites where nothing is certified, only the closed form predicts.
    """
    rows = table.to_pandas()
    kept = rows[rows["actual"].notna() & rows["predicted"].notna()].reset_index(drop=True)
    # shipped results are in single precision
    kept["epsilon"] = [float(f"{epsilon:.6g}") for epsilon in kept["epsilon"]]
    kept[CLOSED_FORM], kept[CERTIFIED_INNER] = kept["predicted"], kept["inner"]
    kept[MOMENTS] = bracket_centre(kept["moment_inner"], kept["moment_outer"])
    return kept


@dataclass(frozen=True, eq=False)
class Curve:
    """An increasing map from a predicted to a calibrated radius, by its knots (logarithms).

    Beyond the knots, the ratio of the two at the last knot is kept.
    """

    log_predicted: Float[ndarray, " n"]
    log_actual: Float[ndarray, " n"]

    def __call__(self, predicted: Float[ndarray, " m"]) -> Float[ndarray, " m"]:
        """The calibrated radii."""
        x = np.log(predicted)
        inside = np.clip(x, self.log_predicted[0], self.log_predicted[-1])
        return np.exp(np.interp(inside, self.log_predicted, self.log_actual) + x - inside)


def fit(predicted: Float[ndarray, " n"], actual: Float[ndarray, " n"]) -> Curve:
    """The isotonic least-squares fit of the logarithm of `actual`."""
    from sklearn.isotonic import IsotonicRegression

    regression = IsotonicRegression().fit(np.log(predicted), np.log(actual))
    return Curve(regression.X_thresholds_, regression.y_thresholds_)


def fits(measured: pd.DataFrame, predictor: str) -> dict[float, Curve]:
    """The fit to all cases of each `ε`, none held out; a predictor without a radius has none."""
    predicted = measured[measured[predictor].notna()]
    return {
        float(epsilon): fit(group[predictor].to_numpy(float), group["actual"].to_numpy(float))
        for epsilon, group in predicted.groupby("epsilon")
    }


def folds(prompts: Int[ndarray, " n"]) -> Iterator[tuple[ndarray, ndarray]]:
    """Rows to fit and rows of other prompts to score; raises StabilityError for a lone prompt."""
    from sklearn.model_selection import GroupKFold

    n = min(FOLDS, len(np.unique(prompts)))
    if n < 2:
        raise StabilityError(
            f"A calibration is scored on other prompts; received {n}: measure at least two."
        )
    split = GroupKFold(n, shuffle=True, random_state=FOLD_SEED)
    yield from split.split(prompts, groups=prompts)


def held_out(
    predicted: Float[ndarray, " n"], actual: Float[ndarray, " n"], prompts: Int[ndarray, " n"]
) -> Float[ndarray, " n"]:
    """Each calibrated radius, by a fit to other prompts; raises StabilityError for a lone prompt."""
    calibrated = np.empty(len(actual))
    for train, test in folds(prompts):
        calibrated[test] = fit(predicted[train], actual[train])(predicted[test])
    return calibrated


def calibrated(measured: pd.DataFrame, predictor: str) -> pd.Series:
    """The held-out calibrated radii of measured cases; NaN where the predictor has none."""
    radii = pd.Series(np.nan, index=measured.index)
    for _, group in measured[measured[predictor].notna()].groupby(FITTED_BY):
        columns = (group[name].to_numpy() for name in (predictor, "actual", "prompt_index"))
        radii[group.index] = held_out(*columns)
    return radii


def after(predictor: str) -> str:
    """The column of a predictor's calibrated radii."""
    return f"{predictor}, calibrated"


def with_calibrated(measured: pd.DataFrame) -> pd.DataFrame:
    """The measured cases with a column of held-out calibrated radii for each predictor."""
    return measured.assign(**{after(name): calibrated(measured, name) for name in PREDICTORS})
