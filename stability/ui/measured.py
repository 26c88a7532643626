"""Cached measurements of many prompts: those that come with the repository, and a visitor's own."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import streamlit as st

from stability import moments, reproduction
from stability.analysis import Analysis
from stability.bootstrap import Estimate
from stability.calibration import (
    MOMENTS,
    PREDICTORS,
    Calibration,
    Score,
    after,
    calibrate,
    cases,
    score,
    with_calibrated,
)
from stability.errors import StabilityError
from stability.models.progress import Report
from stability.plans import SCHEMA, Plan
from stability.prompts import Prompt, read_prompts
from stability.reproduction import Finding
from stability.sweep import Attempt
from stability.ui.compute import loaded
from stability.ui.jobs import Jobs, Stop

Own = tuple[pa.Table, list[tuple[Prompt, str]]]  # rows, and the prompts that gave none
_own = Jobs(8, takes_turns=True)


@st.cache_resource(max_entries=4, show_spinner="Reading the shipped results")
def shipped(model: str) -> pd.DataFrame:
    """The cases of the shipped results of a model, with their calibrated radii."""
    return with_calibrated(cases(reproduction.shipped(model)))


@st.cache_resource(max_entries=4, show_spinner=False)
def findings(model: str) -> list[Finding]:
    """The sources' claims beside the shipped results of a model."""
    return reproduction.findings(reproduction.shipped(model))


@st.cache_resource(max_entries=4, show_spinner=False)
def _calibration(model: str) -> tuple[str, Calibration] | None:
    """The revision that the shipped results of a model were measured on, and their calibration."""
    try:
        found = shipped(model)
    except StabilityError:
        return None
    readout = found[found["site"] == "prelogit"]
    return str(readout["revision"].iloc[0]), calibrate(readout, MOMENTS)


def calibrated(found: Analysis, epsilon: float) -> tuple[Estimate | None, Estimate | None] | None:
    """The calibrated radii on the minus and on the plus side, with their intervals.

    None where there is no calibration: of other models, sites and flat directions.
    """
    state = found.state
    held = _calibration(state.model.name)
    if held is None or held[0] != state.model.revision or not state.is_linear:
        return None
    brackets = found.ray.moment_brackets(held[1].epsilons)
    if brackets is None or not found.ray.curvature > 0:
        return None
    minus, plus = (held[1].radius(moments.guess(*side), epsilon) for side in brackets)
    return minus, plus


def read_upload(name: str, data: bytes) -> list[Prompt]:
    """The prompts of an uploaded file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix}"
        path.write_bytes(data)
        return read_prompts(path)


def own(model: str, prompts: list[Prompt], positions: int, on_stop: Stop) -> Own:
    """A visitor's prompts measured, with progress."""
    lm, plan = loaded(model), Plan(positions=positions)

    def work(report: Report) -> Own:
        tables, failed = [SCHEMA.empty_table()], []
        for index, prompt in enumerate(prompts):
            report(f"Measuring prompt {index + 1} of {len(prompts)}", index / len(prompts))
            _, outcome = Attempt(plan)(lm, prompt)
            if isinstance(outcome, str):
                failed.append((prompt, outcome))
            else:
                tables.append(outcome)
        return pa.concat_tables(tables), failed

    key = hashlib.sha256(repr(prompts).encode("utf-8", "surrogatepass")).hexdigest()
    result: Own = _own.get((model, key, positions), work, on_stop)
    return result


@st.cache_resource(max_entries=8, show_spinner=False)
def own_cases(key: str, _table: pa.Table) -> pd.DataFrame:
    """The cases of a visitor's measurements; calibrated if there are prompts to hold out."""
    found = cases(_table)
    if found["prompt_index"].nunique() < 2:
        return found.assign(**{after(name): float("nan") for name in PREDICTORS})
    return with_calibrated(found)


def scores(shown: pd.DataFrame) -> list[tuple[str, Score]]:
    """Scores of the predictors on the cases shown, as they are and calibrated."""
    found = []
    for name in (column for predictor in PREDICTORS for column in (predictor, after(predictor))):
        known = shown[shown[name].notna()]
        if len(known):
            columns = (known[column].to_numpy() for column in (name, "actual", "prompt_index"))
            found.append((name, score(*columns)))
    return found
