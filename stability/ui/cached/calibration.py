"""Cached measurements of many prompts: those that come with the repository, and a visitor's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from stability.errors import StabilityError
from stability.evaluation.bootstrap import Estimate
from stability.evaluation.calibration import (
    PREDICTORS,
    Calibration,
    after,
    calibrate,
    cases,
    with_calibrated,
)
from stability.evaluation.scores import Score, parts, score
from stability.geometry.analysis import Analysis
from stability.models.progress import Report
from stability.reproduction import settings
from stability.reproduction.claims import Finding, findings
from stability.sweeps.measurement import SCHEMA
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt, read_prompts
from stability.sweeps.sweep import Attempt
from stability.ui.cached.background import Jobs, Stop

Outcomes = dict[int, pa.Table | str]  # of prompts by index: rows, or why there are none
_own = Jobs(8, takes_turns=True)


@st.cache_resource(max_entries=4, show_spinner="Reading the shipped results")
def shipped(model: str) -> pd.DataFrame:
    """The cases of the shipped results of a model, with their calibrated radii."""
    return with_calibrated(cases(settings.shipped(model)))


@st.cache_resource(max_entries=4, show_spinner=False)
def claims(model: str) -> list[Finding]:
    """The sources' claims beside the shipped results of a model."""
    return findings(settings.shipped(model))


@st.cache_resource(max_entries=4, show_spinner=False)
def _calibration(model: str) -> tuple[str, Calibration] | None:
    """The revision that the shipped results of a model were measured on, and their calibration."""
    try:
        found = cases(settings.shipped(model))
    except StabilityError:
        return None
    readout = found[found["site"] == "prelogit"]
    return str(readout["revision"].iloc[0]), calibrate(readout)


def calibrated(found: Analysis, epsilon: float) -> tuple[Estimate | None, Estimate | None] | None:
    """The calibrated radii on the minus and on the plus side, with their intervals.

    None where there is no calibration: of other models, sites and flat directions.
    """
    state = found.state
    held = _calibration(state.model.name)
    if held is None or held[0] != state.model.revision or not state.is_linear:
        return None
    brackets = found.ray.moment_brackets(np.array([epsilon]))
    if brackets is None or not found.ray.curvature > 0:
        return None
    minus, plus = (
        held[1].radius(float(*inner), float(*outer), epsilon) for inner, outer in brackets
    )
    return minus, plus


def read_upload(name: str, data: bytes) -> list[Prompt]:
    """The prompts of an uploaded file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix}"
        path.write_bytes(data)
        try:
            return read_prompts(path)
        except StabilityError as error:
            raise StabilityError(str(error).replace(str(path), name)) from error


@dataclass(frozen=True)
class Asked:
    """What a visitor wants measured."""

    model: str
    prompts: tuple[Prompt, ...]
    positions: int


def own(asked: Asked, done: Outcomes, on_stop: Stop) -> Outcomes:
    """All prompts measured, with progress; `done` holds what an earlier run had, and fills up."""
    # brings transformers, which the shipped results can spare
    from stability.ui.cached.explore import loaded

    lm, plan = loaded(asked.model), Plan(positions=asked.positions)

    def work(report: Report) -> Outcomes:
        of = len(asked.prompts)
        for index, prompt in enumerate(asked.prompts):
            said = partial(report, f"Measuring prompt {index + 1} of {of}", index / of)
            if prompt.index not in done:
                _, done[prompt.index] = Attempt(plan, said)(lm, prompt)
        return done

    result: Outcomes = _own.get(asked, work, on_stop)
    return result


def rows(done: Outcomes) -> pa.Table:
    """The rows of all prompts that gave some."""
    return pa.concat_tables(
        [SCHEMA.empty_table(), *(one for one in done.values() if not isinstance(one, str))]
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def own_cases(asked: Asked, prompts: int, _table: pa.Table) -> pd.DataFrame:
    """The cases of so many of the prompts asked for; calibrated if there is one to hold out."""
    found = cases(_table)
    if found["prompt_index"].nunique() < 2:
        return found.assign(**{after(name): float("nan") for name in PREDICTORS})
    return with_calibrated(found)


def scores(shown: pd.DataFrame) -> list[tuple[str, Score]]:
    """Scores of all predictors on the cases shown, as they are and calibrated."""
    return _scores("", shown, [name for one in PREDICTORS for name in (one, after(one))])


def scores_by(by: str, shown: pd.DataFrame, predictor: str) -> list[tuple[str, Score]]:
    """Scores of one predictor on parts of the cases shown, as it is and calibrated."""
    return [
        one
        for name, part in parts(shown, by)
        for one in _scores(name, part, (predictor, after(predictor)))
    ]


def _scores(part: str, found: pd.DataFrame, columns: Sequence[str]) -> list[tuple[str, Score]]:
    return [
        (f"{part}, {name}" if part else name, score(found, name))
        for name in columns
        if found[name].notna().any()
    ]
