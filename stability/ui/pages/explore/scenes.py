"""A session's scenes: put together from what has been computed so far, the newest choice first."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import streamlit as st

from stability.instrument.plane import FLAT
from stability.instrument.scene import pin, scene
from stability.ui.cached import explore
from stability.ui.cached.explore import Along, Part
from stability.ui.cached.job import Job, Wishes
from stability.ui.choice import Choice
from stability.ui.widgets.instrument import Sent

# seconds that a page waits for a ray before it shows what it has, looking now and then whether it is
# still wanted
PATIENCE, GLANCE = 0.4, 0.02
# seconds without an answer after which the picture says what it waits for
QUIET = 1.0


@dataclass(frozen=True, eq=False)
class _Parts:
    """What comes after the ray: the truth where the network is run for it, chips, plane, numbers."""

    truth: Job | None
    chips: Job
    plane: Job
    calibrated: Job

    @classmethod
    def start(cls, along: Along, choice: Choice) -> "_Parts":
        direction = choice.direction
        return cls(
            None if along.is_complete else explore.start_truth(along, direction),
            explore.start_chips(along.key),
            explore.start_plane(along, direction),
            explore.start_calibrated(along, direction),
        )

    @property
    def jobs(self) -> list[Job]:
        return [job for job in (self.truth, self.chips, self.plane, self.calibrated) if job]

    @property
    def status(self) -> Part | None:
        """What the network is run for, where that takes its time."""
        if self.truth is None:
            return None
        if not self.truth.future.done():
            return _status("Running the network along the ray", self.truth)
        if not self.plane.future.done():
            return _status("Running the network across the plane", self.plane)
        return None

    @property
    def notes(self) -> list[str]:
        is_flat = self.plane.is_ready and self.plane.future.result() is None
        return [*explore.failures(self.jobs), *([FLAT] if is_flat else [])]


class Scenes:
    """The newest scene of a session, and what it still waits for."""

    def __init__(self) -> None:
        self.sent: Sent | None = None
        self.scene: Part | None = None
        self.along: Along | None = None
        self._asked: Choice | None = None
        self._asked_at = 0.0
        self._made_of: tuple[Any, ...] = ()
        self._choice: Choice | None = None
        self._pinned: dict[Choice, Part | None] = {}
        self._parts: _Parts | None = None
        self._wishes = Wishes()
        self._stamp = 0

    def look(self, choice: Choice, pins: Sequence[Choice], notes: Sequence[str]) -> bool:
        """Put together what is known of a choice, or keep the last scene; say whether more will come.

        Raises StabilityError where nothing will.
        """
        ray = explore.start_ray(choice)
        if choice != self._asked:
            self._asked, self._asked_at = choice, time.monotonic()
            self._wishes.renew([ray])
            # what belongs to the last choice may be stopped now
            self._parts = None
        _wait(ray, self._asked_at + PATIENCE)
        # another session may have given it up just before this one wanted it
        if not ray.future.done() or ray.is_stopped:
            self._wait_aloud(ray)
            return True
        along: Along = ray.future.result()
        if along is not self.along or self._parts is None:
            self._parts = _Parts.start(along, choice)
        parts = self._parts
        self._choice = choice
        kept = [self._kept(pin) for pin in pins]
        jobs = [*parts.jobs, *(job for job in kept if isinstance(job, Job))]
        self._wishes.renew([ray, *jobs])
        drawn = [part for part in kept if part is not None and not isinstance(part, Job)]
        self._make(along, parts, drawn, [*notes, *along.notes, *parts.notes])
        is_pending = not all(job.future.done() for job in jobs)
        if not is_pending:
            explore.start_neighbours(along.key)
        return is_pending

    def pin(self) -> Choice | None:
        """Keep the ray that is shown; return its choice, at the very token that it is of."""
        if self.scene is None or self.along is None or self._choice is None:
            return None
        choice = replace(self._choice, position=self.along.key.position)
        self._pinned[choice] = pin(self.scene)
        return choice

    def _kept(self, choice: Choice) -> Part | Job | None:
        """What is kept of a ray, or the work that finds it again; None where that has failed."""
        if choice not in self._pinned:
            ray = explore.start_ray(choice)
            along: Along | None = _result(ray)
            truth = explore.start_truth(along, choice.direction) if _is_bent(along) else None
            last = truth or ray
            if not last.future.done():
                return last
            drawn = scene(along.analysis, along.spec, ray_line=_result(truth)) if along else None
            self._pinned[choice] = pin(drawn) if drawn else None
        return self._pinned[choice]

    def _wait_aloud(self, ray: Job) -> None:
        if self.scene is not None and time.monotonic() > self._asked_at + QUIET:
            self._made_of = ()
            self._send(self.scene | {"status": _status(ray.progress[0], ray)})

    def _make(
        self, along: Along, parts: _Parts, pins: Sequence[Part], notes: Sequence[str]
    ) -> None:
        known = [_result(job) for job in (parts.truth, parts.chips, parts.plane, parts.calibrated)]
        status = parts.status
        made_of = (along, *map(id, known), *map(id, pins), *notes, str(status))
        if made_of == self._made_of:
            return
        truth, chips, plane, calibrated = known
        self.along, self._made_of = along, made_of
        self.scene = scene(
            along.analysis,
            along.spec,
            ray_line=truth or along.line,
            plane=plane,
            second=along.second,
            sensitivities=chips,
            calibrated=calibrated,
            pins=pins,
            status=status,
            notes=notes,
        )
        self._send(self.scene)

    def _send(self, drawn: Part) -> None:
        """Let the browser be sent another scene."""
        self._stamp += 1
        text = json.dumps(drawn, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        self.sent = Sent(self._stamp, text)


def _is_bent(along: Along | None) -> TypeGuard[Along]:
    """Whether the truth along a ray is still to be found."""
    return along is not None and not along.is_complete


def _result(job: Job | None) -> Any:
    return job.future.result() if job is not None and job.is_ready else None


def _status(message: str, job: Job) -> Part:
    """What is waited for; by steps, as each is sent with all of the scene."""
    fraction = job.progress[1]
    return {"message": message, "fraction": round(20 * fraction) / 20 if fraction else None}


def _wait(job: Job, until: float) -> None:
    """Wait for a job, and end where a newer choice of this session has come."""
    while time.monotonic() < until and not wait([job.future], GLANCE).done:
        "anything" in st.session_state  # noqa: B015
