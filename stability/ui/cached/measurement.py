"""Measurements of a visitor's prompts, which may be stopped and continued."""

from dataclasses import dataclass
from functools import partial
from threading import Lock
from weakref import WeakValueDictionary

import pandas as pd
import pyarrow as pa
import streamlit as st

from stability.evaluation.calibration import PREDICTORS, after, cases, with_calibrated
from stability.models.progress import Report
from stability.sweeps import measurement as sweeps
from stability.sweeps.measurement import Outcome
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt
from stability.ui.cached.background import Jobs, Stop
from stability.ui.cached.models import loaded

_jobs = Jobs(8, takes_turns=True)


@dataclass(frozen=True)
class SweepRequest:
    """The prompts that a visitor wants measured, on which model, at how many positions each."""

    model: str
    prompts: tuple[Prompt, ...]
    positions: int


class Measurement:
    """The outcomes of a request: a job in the background adds to them, pages read copies."""

    def __init__(self, request: SweepRequest) -> None:
        self.request = request
        self._outcomes: dict[int, Outcome] = {}

    @property
    def outcomes(self) -> dict[int, Outcome]:
        """The outcomes so far, by the index of their prompt."""
        return dict(self._outcomes)

    def forget_failures(self) -> None:
        """Count the prompts that could not be measured among those that are left."""
        for index, outcome in self.outcomes.items():
            if isinstance(outcome, str):
                self._outcomes.pop(index, None)

    def run(self, on_stop: Stop) -> None:
        """Measure the prompts that are left, with progress; a session that asks meanwhile waits too."""
        lm, plan = loaded(self.request.model), Plan(positions=self.request.positions)
        prompts = self.request.prompts
        if len(self._outcomes) < len(prompts):
            _jobs.forget(lambda key: key == self.request)

        def work(report: Report) -> Measurement:
            for number, prompt in enumerate(prompts):
                message = f"Measuring prompt {number + 1} of {len(prompts)}"
                pause = partial(report, message, number / len(prompts))
                if prompt.index not in self._outcomes:
                    self._outcomes[prompt.index] = sweeps.attempt(lm, plan, prompt, pause)
            return self

        _jobs.get(self.request, work, on_stop)


_measurements: WeakValueDictionary[SweepRequest, Measurement] = WeakValueDictionary()
_lock = Lock()


def measurement_of(request: SweepRequest) -> Measurement:
    """The measurement of a request, one for all sessions.

    It is forgotten when no session holds it, and its job is forgotten too.
    """
    with _lock:
        return _measurements.setdefault(request, Measurement(request))


@st.cache_resource(max_entries=8, show_spinner=False)
def measured_cases(request: SweepRequest, done: int, _table: pa.Table) -> pd.DataFrame:
    """The cases of the `done` prompts measured so far; calibrated if there is one to hold out."""
    measured = cases(_table)
    if measured["prompt_index"].nunique() < 2:
        return measured.assign(**{after(name): float("nan") for name in PREDICTORS})
    return with_calibrated(measured)
