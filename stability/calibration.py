"""Calibrated radii: what a predicted radius has meant on other prompts.

A calibration is an isotonic map from the logarithm of the predicted radius to that of the true one,
fitted for each model, site and `ε` by itself. What is reported of it is measured on prompts that it was
not fitted to: rows of one prompt are much alike, so that prompts are split and drawn, never rows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from stability.bootstrap import Estimate
from stability.errors import StabilityError
from stability.moments import guess

CLOSED_FORM, CERTIFIED, MOMENTS = "closed form", "certified inner radius", "four moments"
PREDICTORS = (CLOSED_FORM, CERTIFIED, MOMENTS)
FITTED_BY = ["model", "site", "epsilon"]
FOLDS, SEED = 5, 0
INTERVAL = 0.9  # of the true radii lie in a calibrated radius's interval


def cases(table: pa.Table) -> pd.DataFrame:
    """The rows of a sweep whose boundary is reached, with a column for each predictor.

    At sites where nothing is certified, only the closed form predicts.
    """
    found = table.to_pandas()
    found = found[found["actual"].notna() & found["predicted"].notna()].reset_index(drop=True)
    found[CLOSED_FORM], found[CERTIFIED] = found["predicted"], found["inner"]
    found[MOMENTS] = guess(found["moment_inner"], found["moment_outer"])
    return found


@dataclass(frozen=True, eq=False)
class Curve:
    """An increasing map from a predicted to a calibrated radius, by its knots (logarithms).

    Beyond the knots the last factor between the two is kept.
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

    found = IsotonicRegression().fit(np.log(predicted), np.log(actual))
    return Curve(found.X_thresholds_, found.y_thresholds_)


def held_out(
    predicted: Float[ndarray, " n"], actual: Float[ndarray, " n"], prompts: Int[ndarray, " n"]
) -> Float[ndarray, " n"]:
    """Each calibrated radius, by a fit to other prompts; raises StabilityError for a lone prompt."""
    from sklearn.model_selection import GroupKFold

    folds = min(FOLDS, len(np.unique(prompts)))
    if folds < 2:
        raise StabilityError(
            f"A calibration is scored on other prompts; received {folds}: measure at least two."
        )
    calibrated = np.empty(len(actual))
    split = GroupKFold(folds, shuffle=True, random_state=SEED)
    for train, test in split.split(predicted, groups=prompts):
        calibrated[test] = fit(predicted[train], actual[train])(predicted[test])
    return calibrated


def calibrated(found: pd.DataFrame, predictor: str) -> pd.Series:
    """The held-out calibrated radii of cases; NaN where the predictor has none."""
    column = pd.Series(np.nan, index=found.index)
    for _, part in found[found[predictor].notna()].groupby(FITTED_BY):
        column[part.index] = held_out(
            *(part[name].to_numpy() for name in (predictor, "actual", "prompt_index"))
        )
    return column


def after(predictor: str) -> str:
    """The name of a predictor's calibrated radii."""
    return f"{predictor}, calibrated"


def with_calibrated(found: pd.DataFrame) -> pd.DataFrame:
    """Cases with a column of held-out calibrated radii for each predictor."""
    return found.assign(**{after(name): calibrated(found, name) for name in PREDICTORS})


@dataclass(frozen=True, eq=False)
class Calibration:
    """A predictor calibrated at several `ε`: a curve for each, and the spread of the truth around it.

    `spread` are the held-out quantiles of `actual/calibrated` that hold `INTERVAL` of all cases.
    """

    epsilons: Float[ndarray, " k"]
    curves: tuple[Curve, ...]
    spread: Float[ndarray, "k 2"]

    def radius(self, predicted: Float[ndarray, " k"], epsilon: float) -> Estimate | None:
        """The calibrated radius at any `ε` in the range, from what is predicted at each of its own.

        Radii and spreads are interpolated in logarithms. None beyond the range.
        """
        if not self.epsilons[0] <= epsilon <= self.epsilons[-1]:
            return None
        own = [curve(predicted[[i]])[0] for i, curve in enumerate(self.curves)]
        log_radii = np.log(np.array(own)[:, None] * np.insert(self.spread, 0, 1.0, axis=1))
        at = np.log(epsilon), np.log(self.epsilons)
        return Estimate(*(float(np.exp(np.interp(*at, column))) for column in log_radii.T))


def calibrate(found: pd.DataFrame, predictor: str) -> Calibration:
    """A predictor's calibration from the cases of one model and site."""
    known = found[found[predictor].notna()].assign(held=calibrated(found, predictor))
    tails = [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    parts = [(epsilon, part) for epsilon, part in known.groupby("epsilon")]
    return Calibration(
        np.array([epsilon for epsilon, _ in parts], dtype=float),
        tuple(fit(part[predictor].to_numpy(), part["actual"].to_numpy()) for _, part in parts),
        np.array([np.quantile(part["actual"] / part["held"], tails) for _, part in parts]),
    )
