"""Measurements of a visitor's prompts, which may be stopped and continued."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import streamlit as st

from stability.errors import StabilityError
from stability.evaluation.calibration import PREDICTORS, after, cases, with_calibrated
from stability.models.progress import Report
from stability.sweeps import measurement
from stability.sweeps.measurement import SCHEMA
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt, read_prompts
from stability.ui.cached.background import Jobs, Stop
from stability.ui.cached.states import loaded

Outcomes = dict[int, pa.Table | str]  # of prompts by index: rows, or the reason for none
_measurements = Jobs(8, takes_turns=True)


@dataclass(frozen=True)
class SweepRequest:
    """The prompts that a visitor wants measured, on which model, at how many positions each."""

    model: str
    prompts: tuple[Prompt, ...]
    positions: int


def read_upload(name: str, data: bytes) -> list[Prompt]:
    """The prompts of an uploaded file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix}"
        path.write_bytes(data)
        try:
            return read_prompts(path)
        except StabilityError as error:
            raise StabilityError(str(error).replace(str(path), name)) from error


def measure(request: SweepRequest, outcomes: Outcomes, on_stop: Stop) -> Outcomes:
    """Measure all prompts, with progress; `outcomes` holds those of an earlier run, and fills up."""
    lm, plan = loaded(request.model), Plan(positions=request.positions)

    def work(report: Report) -> Outcomes:
        of = len(request.prompts)
        for index, prompt in enumerate(request.prompts):
            pause = partial(report, f"Measuring prompt {index + 1} of {of}", index / of)
            if prompt.index not in outcomes:
                outcomes[prompt.index] = measurement.attempt(lm, plan, prompt, pause)
        return outcomes

    result: Outcomes = _measurements.get(request, work, on_stop)
    return result


def rows(outcomes: Outcomes) -> pa.Table:
    """The rows of all prompts that gave some."""
    tables = [outcome for outcome in outcomes.values() if not isinstance(outcome, str)]
    return pa.concat_tables([SCHEMA.empty_table(), *tables])


@st.cache_resource(max_entries=8, show_spinner=False)
def measured_cases(request: SweepRequest, done: int, _table: pa.Table) -> pd.DataFrame:
    """The cases of the `done` prompts measured so far; calibrated if there is one to hold out."""
    measured = cases(_table)
    if measured["prompt_index"].nunique() < 2:
        return measured.assign(**{after(name): float("nan") for name in PREDICTORS})
    return with_calibrated(measured)
