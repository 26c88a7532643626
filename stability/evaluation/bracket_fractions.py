"""Radii within certified brackets, from the boundaries of other prompts within theirs.

A boundary's fraction is its relative position in its bracket, `log(actual/inner) / log(outer/inner)`: 0
at the inner end and 1 at the outer. Fractions depend on the width of the bracket: wide ones are those
of rare steep tokens. A radius is therefore estimated by the median fraction of the measured brackets
that are most nearly as wide, with an interval of quantiles, for each model, site and `ε` by itself.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from stability.evaluation.bootstrap import Estimate
from stability.evaluation.calibration import FITTED_BY, MOMENTS, folds

# share of the true radii that an interval is to hold
INTERVAL = 0.9
# measured brackets whose fractions make a quantile
NEIGHBOURS = 200
# the column of radii at the median fraction
MEDIAN_FRACTION = "four moments, placed"


@dataclass(frozen=True, eq=False)
class BracketFractions:
    """The fractions of measured boundaries in their brackets at one `ε`, by ascending width.

    `log_widths` are `log(outer/inner)`.
    """

    log_widths: Float[ndarray, " n"]
    fractions: Float[ndarray, " n"]

    def quantiles(self, log_widths: Float[ndarray, " m"]) -> Float[ndarray, "3 m"]:
        """Median, lower and upper end of `INTERVAL` of the `NEIGHBOURS` nearest in width."""
        n = min(NEIGHBOURS, len(self.log_widths))
        first = np.searchsorted(self.log_widths, log_widths) - n // 2
        first = np.clip(first, 0, len(self.log_widths) - n)
        neighbours = self.fractions[first[:, None] + np.arange(n)]
        return np.quantile(neighbours, [0.5, (1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)


def bracket_fractions(measured: pd.DataFrame) -> BracketFractions:
    """The fractions of measured cases, all of one `ε` and with a bracket."""
    inner, outer, actual = np.log(measured[["moment_inner", "moment_outer", "actual"]].to_numpy().T)
    order = (outer - inner).argsort()
    log_widths = (outer - inner)[order]
    return BracketFractions(log_widths, ((actual - inner)[order] / log_widths).clip(0, 1))


@dataclass(frozen=True, eq=False)
class Calibration:
    """The fractions of one model and site at each measured `ε`, ascending."""

    epsilons: Float[ndarray, " k"]
    fractions: tuple[BracketFractions, ...]

    def radius(self, inner: float, outer: float, epsilon: float) -> Estimate | None:
        """The radius at the median fraction of a bracket at `ε`, with the ends of `INTERVAL`.

        Fractions are interpolated in `log ε`. None outside the range of the measured `ε`, and where
        rounding leaves no bracket.
        """
        is_measured = self.epsilons[0] <= epsilon <= self.epsilons[-1]
        if not (is_measured and inner > 0 and np.isfinite(outer)):
            return None
        log_width = np.log([outer / inner])
        measured = np.array(
            [at_epsilon.quantiles(log_width)[:, 0] for at_epsilon in self.fractions]
        )
        quantiles = [
            np.interp(np.log(epsilon), np.log(self.epsilons), values) for values in measured.T
        ]
        return Estimate(*(float(inner * np.exp(q * log_width[0])) for q in quantiles))


def calibrate(measured: pd.DataFrame) -> Calibration:
    """The calibration by the measured cases of one model and site, as far as they have a bracket."""
    groups = [*measured[measured[MOMENTS].notna()].groupby("epsilon")]
    return Calibration(
        np.array([epsilon for epsilon, _ in groups], dtype=float),
        tuple(bracket_fractions(group) for _, group in groups),
    )


def with_median_fractions(measured: pd.DataFrame) -> pd.DataFrame:
    """The measured cases that have a bracket, with `MEDIAN_FRACTION`, `low` and `high` held out.

    The fractions of a case come from other prompts; raises StabilityError for a lone prompt.
    """
    columns = [MEDIAN_FRACTION, "low", "high"]
    bracketed = measured[measured[MOMENTS].notna()].copy()
    bracketed[columns] = np.nan
    for _, group in bracketed.groupby(FITTED_BY):
        for train, test in folds(group["prompt_index"].to_numpy()):
            held_out = group.iloc[test]
            log_widths = np.log(held_out["moment_outer"] / held_out["moment_inner"]).to_numpy()
            quantiles = bracket_fractions(group.iloc[train]).quantiles(log_widths)
            radii = held_out["moment_inner"].to_numpy() * np.exp(quantiles * log_widths)
            bracketed.loc[held_out.index, columns] = radii.T
    return bracketed
