"""Calibrated radii: what a predicted radius, or a bracket, has meant on other prompts.

A predictor is calibrated by an isotonic map from the logarithm of the predicted radius to that of the
true one; a guaranteed bracket, by where in theirs the boundaries of others as wide lay. Both are made
for each model, site and `ε` by itself. What is reported is measured on prompts that were not used:
rows of one prompt are much alike, so that prompts are split and drawn, never rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from stability.errors import StabilityError
from stability.evaluation.bootstrap import Estimate
from stability.exact.moment_bounds import bracket_centre

CLOSED_FORM, CERTIFIED, MOMENTS = "closed form", "certified inner radius", "four moments"
PREDICTORS = (CLOSED_FORM, CERTIFIED, MOMENTS)
FITTED_BY = ["model", "site", "epsilon"]
FOLDS, SEED = 5, 0
INTERVAL = 0.9  # of the true radii lie in a calibrated radius's interval
NEIGHBOURS = 200  # cases that such an interval is made of
PLACED = "four moments, placed"


def cases(table: pa.Table) -> pd.DataFrame:
    """The rows of a sweep whose boundary is reached, with a column for each predictor.

    At sites where nothing is certified, only the closed form predicts.
    """
    found = table.to_pandas()
    found = found[found["actual"].notna() & found["predicted"].notna()].reset_index(drop=True)
    found["epsilon"] = [float(f"{epsilon:.6g}") for epsilon in found["epsilon"]]  # single precision
    found[CLOSED_FORM], found[CERTIFIED] = found["predicted"], found["inner"]
    found[MOMENTS] = bracket_centre(found["moment_inner"], found["moment_outer"])
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


def fits(found: pd.DataFrame, predictor: str) -> dict[float, Curve]:
    """The fit to all cases of each `ε`, none held out; a predictor without a radius has none."""
    known = found[found[predictor].notna()]
    return {
        float(epsilon): fit(part[predictor].to_numpy(float), part["actual"].to_numpy(float))
        for epsilon, part in known.groupby("epsilon")
    }


def _folds(prompts: Int[ndarray, " n"]) -> Iterator[tuple[ndarray, ndarray]]:
    """Rows to fit and rows to score, of other prompts; raises StabilityError for a lone prompt."""
    from sklearn.model_selection import GroupKFold

    folds = min(FOLDS, len(np.unique(prompts)))
    if folds < 2:
        raise StabilityError(
            f"A calibration is scored on other prompts; received {folds}: measure at least two."
        )
    split = GroupKFold(folds, shuffle=True, random_state=SEED)
    yield from split.split(prompts, groups=prompts)


def held_out(
    predicted: Float[ndarray, " n"], actual: Float[ndarray, " n"], prompts: Int[ndarray, " n"]
) -> Float[ndarray, " n"]:
    """Each calibrated radius, by a fit to other prompts; raises StabilityError for a lone prompt."""
    calibrated = np.empty(len(actual))
    for train, test in _folds(prompts):
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
class Places:
    """Where boundaries lay in their guaranteed brackets, at one `ε`.

    `widths` are `log(outer/inner)`, in order; a place is 0 at the inner end and 1 at the outer, in
    logarithms. Wide brackets are those of rare steep tokens, where boundaries lie otherwise.
    """

    widths: Float[ndarray, " n"]
    places: Float[ndarray, " n"]

    def among(self, widths: Float[ndarray, " m"]) -> Float[ndarray, "3 m"]:
        """Median, lower and upper end of `INTERVAL` of the places in the `NEIGHBOURS` most like it."""
        n = min(NEIGHBOURS, len(self.widths))
        start = np.clip(np.searchsorted(self.widths, widths) - n // 2, 0, len(self.widths) - n)
        around = self.places[start[:, None] + np.arange(n)]
        return np.quantile(around, [0.5, (1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)


def _places(part: pd.DataFrame) -> Places:
    """The places of cases, all of one `ε`."""
    inner, outer, actual = np.log(part[["moment_inner", "moment_outer", "actual"]].to_numpy().T)
    order = (outer - inner).argsort()
    widths = (outer - inner)[order]
    return Places(widths, ((actual - inner)[order] / widths).clip(0, 1))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Radii from the brackets of four moments, by where other boundaries lay in theirs."""

    epsilons: Float[ndarray, " k"]
    places: tuple[Places, ...]

    def radius(self, inner: float, outer: float, epsilon: float) -> Estimate | None:
        """The median radius in a bracket at `ε`, and what holds `INTERVAL` of boundaries.

        Places are interpolated in `log ε`. None beyond the range of `ε` that was measured.
        """
        if not self.epsilons[0] <= epsilon <= self.epsilons[-1]:
            return None
        width = np.log([outer / inner])
        at = np.array([own.among(width)[:, 0] for own in self.places]).T
        places = [np.interp(np.log(epsilon), np.log(self.epsilons), one) for one in at]
        return Estimate(*(float(inner * np.exp(place * width[0])) for place in places))


def calibrate(found: pd.DataFrame) -> Calibration:
    """The calibration that the cases of one model and site make, all that have a bracket."""
    parts = [*found[found[MOMENTS].notna()].groupby("epsilon")]
    return Calibration(
        np.array([epsilon for epsilon, _ in parts], dtype=float),
        tuple(_places(part) for _, part in parts),
    )


def with_places(found: pd.DataFrame) -> pd.DataFrame:
    """The cases that have a bracket, with `PLACED`, `low` and `high`: what other prompts make of it."""
    known = found[found[MOMENTS].notna()].copy()
    known[[PLACED, "low", "high"]] = np.nan
    for _, part in known.groupby(FITTED_BY):
        for train, test in _folds(part["prompt_index"].to_numpy()):
            own = part.iloc[test]
            width = np.log(own["moment_outer"] / own["moment_inner"]).to_numpy()
            places = _places(part.iloc[train]).among(width)
            radii = own["moment_inner"].to_numpy() * np.exp(places * width)
            known.loc[own.index, [PLACED, "low", "high"]] = radii.T
    return known
