"""Cached results that come with the app: their cases, their claims, and the calibration they make."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from stability.evaluation.bracket_fractions import Calibration, calibrate
from stability.evaluation.calibration import (
    PREDICTORS,
    after,
    cases,
    with_calibrated,
)
from stability.evaluation.scores import Score, parts, score
from stability.geometry.analysis import Analysis
from stability.instrument.epsilons import EPSILON_STEPS
from stability.reproduction import settings
from stability.reproduction.claim import Claim
from stability.reproduction.claims import measured_claims


@st.cache_resource(max_entries=4, show_spinner="Reading the shipped results")
def shipped(model: str) -> pd.DataFrame:
    """The cases of the shipped results of a model, with their calibrated radii."""
    return with_calibrated(cases(settings.shipped(model)))


@st.cache_resource(max_entries=4, show_spinner=False)
def claims(model: str) -> list[Claim]:
    """The sources' claims beside the shipped results of a model."""
    return measured_claims(settings.shipped(model))


@st.cache_resource(max_entries=4, show_spinner=False)
def _shipped_calibration(model: str) -> tuple[str, Calibration]:
    """The revision that the shipped results of a model were measured on, and their calibration."""
    readout = cases(settings.shipped(model)).query("site == 'prelogit'")
    return str(readout["revision"].iloc[0]), calibrate(readout)


def calibrated(analysis: Analysis) -> list[dict[str, Any]] | None:
    """The calibrated radii on the minus and on the plus side, with their intervals, by `ε`.

    None where there is no calibration: of other models and revisions, other sites, and flat
    directions. Raises StabilityError where the shipped results of the model are damaged.
    """
    state, ray = analysis.state, analysis.ray
    if not state.is_linear or not settings.has_results(state.model.name):
        return None
    revision, calibration = _shipped_calibration(state.model.name)
    brackets = ray.moment_brackets(np.array(EPSILON_STEPS))
    measured = (revision, "float32")
    if (
        measured != (state.model.revision, state.model.dtype)
        or brackets is None
        or not ray.curvature > 0
    ):
        return None
    rows = []
    for epsilon, (minus, plus) in zip(EPSILON_STEPS, brackets.transpose(2, 0, 1), strict=True):
        ends = (minus.tolist(), plus.tolist())
        sides = [calibration.radius(inner, outer, epsilon) for inner, outer in ends]
        if all(sides):
            rows.append({"epsilon": epsilon, "minus": sides[0], "plus": sides[1]})
    return rows or None


def scores(shown: pd.DataFrame) -> list[tuple[str, Score]]:
    """Scores of all predictors on the cases shown, as they are and calibrated."""
    return _scores("", shown, [name for one in PREDICTORS for name in (one, after(one))])


def scores_by(by: str, shown: pd.DataFrame, predictor: str) -> list[tuple[str, Score]]:
    """Scores of one predictor on parts of the cases shown, as it is and calibrated."""
    return [
        scored
        for name, part in parts(shown, by)
        for scored in _scores(name, part, (predictor, after(predictor)))
    ]


def _scores(part: str, shown: pd.DataFrame, columns: Sequence[str]) -> list[tuple[str, Score]]:
    return [
        (f"{part}, {name}" if part else name, score(shown, name))
        for name in columns
        if shown[name].notna().any()
    ]
