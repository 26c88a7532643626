"""What a page does that looks at work in the background: wait a little, and say how far it is."""

import time
from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any

import streamlit as st

from stability.errors import StabilityError
from stability.ui.cached.job import Job
from stability.ui.wording import refusal

# seconds that a page waits for what a person has just asked for before it shows what it has, and
# between two glances at whether that is still wanted
PATIENCE, GLANCE = 0.8, 0.02


def wait_for(jobs: Sequence[Job], until: float) -> None:
    """Wait for jobs, and end where a newer choice of this session has come."""
    while time.monotonic() < until and wait([job.future for job in jobs], GLANCE).not_done:
        "anything" in st.session_state  # noqa: B015


def result_of(job: Job | None) -> Any:
    """What a job has found; None as long as it has not, and for no job."""
    return job.future.result() if job is not None and job.is_ready else None


def failures(jobs: Sequence[Job]) -> list[str]:
    """Why some jobs have found nothing, a sentence each."""
    errors = [job.future.exception() for job in jobs if job.future.done() and not job.is_stopped]
    return [refusal(error) for error in errors if isinstance(error, StabilityError)]


def status_of(job: Job, message: str | None = None) -> dict[str, Any]:
    """What is waited for, in the job's own words unless a message is given, by steps."""
    own, fraction = job.progress
    return {
        "message": own if message is None else message,
        "fraction": round(20 * fraction) / 20 if fraction else None,
    }


def stoppable(status: dict[str, Any]) -> dict[str, Any]:
    """A status with a button that stops what is waited for."""
    return status | {"act": "stop"}
