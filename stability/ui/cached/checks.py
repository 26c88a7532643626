"""Self-checks: one run a model for all sessions, in the background, and forgotten with the model."""

from functools import partial
from typing import TYPE_CHECKING

from stability.models.progress import Report
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import Job, awaited
from stability.ui.cached.models import is_used, start_loading

if TYPE_CHECKING:  # torch, which takes seconds
    from stability.models.self_check import SelfCheck

_checks = Jobs(max_entries=64, takes_turns=True)


def start_check(model: str) -> Job:
    """Check a model in the background, unless that is under way or done."""
    return _checks.start(model, partial(_check, model))


def check_of(model: str) -> Job | None:
    """The check of a model that is under way, done or failed; None where none was asked for."""
    return _checks.find(model)


def stop_check(model: str) -> None:
    """Stop checking a model, unless another session uses it."""
    job = check_of(model)
    if job is not None and not job.future.done() and not is_used(model):
        job.stop()


def found_of(model: str) -> "SelfCheck | None":
    """What the check of a model found, if it has come to its end."""
    job = check_of(model)
    return job.future.result() if job is not None and job.is_ready else None


def _check(model: str, report: Report) -> "SelfCheck":
    # a page that has just been opened draws its controls before it has its model
    lm = awaited(start_loading(model), report)
    from stability.models.self_check import check

    return check(lm, report)
