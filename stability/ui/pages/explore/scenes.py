"""A session's scenes: put together from what has been computed so far, the newest choice first."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stability.instrument.parts import PENDING, UNKNOWN
from stability.instrument.scene import scene
from stability.ui.cached import explore
from stability.ui.cached.ahead import start_ahead
from stability.ui.cached.chips import chips_so_far
from stability.ui.cached.explore import Along, Part
from stability.ui.cached.job import Job
from stability.ui.cached.looks import PATIENCE, result_of, status_of, stoppable, wait_for
from stability.ui.cached.wishes import Wishes
from stability.ui.choice import Choice
from stability.ui.pages.explore.kept_rays import KeptRays
from stability.ui.pages.explore.scene_parts import Parts
from stability.ui.pages.explore.still import still
from stability.ui.widgets.instrument import Sent

# seconds that a page waits for what is still computed each time the browser looks, which costs more
# than the work
LOOK = 0.3
# seconds without an answer after which the picture says what it waits for
QUIET = 1.0


class Scenes:
    """The newest scene of a session, and what it still waits for."""

    def __init__(self) -> None:
        self.sent: Sent | None = None
        self.scene: Part | None = None
        self.along: Along | None = None
        self._asked: Choice | None = None
        self._asked_at = 0.0
        # what the ray that was asked for last is at, if that takes its time
        self.waits_for: Part | None = None
        self._made_of: tuple[Any, ...] = ()
        self._choice: Choice | None = None
        self._kept = KeptRays()
        self._parts: Parts | None = None
        self._wishes = Wishes()
        self._ahead: list[Job] = []
        self._stamp = 0

    def look(
        self, choice: Choice, pins: Sequence[Choice], notes: Sequence[str], noted: int = 0
    ) -> bool:
        """Put together what is known of a choice, or keep the last scene; say whether more will come.

        The `notes` are shown again if they have been `noted` anew. Raises StabilityError where nothing
        will.
        """
        ray = explore.start_ray(choice)
        if choice != self._asked:
            self._asked, self._asked_at, self.waits_for = choice, time.monotonic(), None
            self._ahead = []
            self._wishes.renew([ray])
            # what belongs to the last choice may be stopped now
            self._parts = None
        wait_for([ray], max(self._asked_at + PATIENCE, time.monotonic() + LOOK))
        # another session may have given it up just before this one wanted it
        if not ray.future.done() or ray.is_stopped:
            self._wait_aloud(ray, choice)
            return True
        self.waits_for = None
        along: Along = ray.future.result()
        # what follows would take the cores from a new ray that is on its way to be drawn
        is_first = along is not self.along and not explore.is_plane_begun(along, choice.direction)
        parts = self._parts_of(along, choice, is_first)
        self._choice = choice
        kept = self._kept.of(pins)
        jobs = [*parts.jobs, *(job for job in kept if isinstance(job, Job))]
        self._wishes.renew([ray, *jobs, *self._ahead])
        if along is self.along:
            wait_for(jobs, time.monotonic() + LOOK)
        is_found = all(job.future.done() and not job.is_stopped for job in parts.jobs)
        is_pending = is_first or not is_found or len(jobs) > len(parts.jobs)
        if not is_pending:
            self._ahead = start_ahead(along, choice.direction)
            self._wishes.renew([ray, *jobs, *self._ahead])
        drawn = [part for part in kept if isinstance(part, dict)]
        failed = [part for part in kept if isinstance(part, str)]
        warnings = along.analysis.direction.warnings
        self._make(along, parts, drawn, [*notes, *warnings, *parts.notes, *failed], noted)
        return is_pending

    def _parts_of(self, along: Along, choice: Choice, is_first: bool) -> Parts:
        """What comes after a ray, begun or found; nothing yet where it is only just there."""
        if is_first:
            self._parts = Parts()
        elif along is not self.along or self._parts is None or self._parts.is_over:
            self._parts = Parts.start(along, choice)
        return self._parts

    def corrections(self, choice: Choice) -> tuple[str, ...]:
        """A sentence for each part of a choice that there is not; another is shown instead."""
        return self.along.notes if self.along and self._choice == choice else ()

    def rest(self) -> None:
        """Wait for nothing: the picture stays."""
        self.waits_for = None
        self.sent = self.sent and replace(self.sent, status=None)
        self._wishes.renew([])

    def stop(
        self, choice: Choice, pins: Sequence[Choice], notes: Sequence[str], noted: int
    ) -> None:
        """Begin nothing more for a choice: what is there of it is put together, as by `look`."""
        self.rest()
        if self.along is not None and self._choice == choice:
            notes = [*notes, *self.along.analysis.direction.warnings]
            self._make(self.along, self._parts or Parts(), self._kept.drawn(pins), notes, noted)
        self.waits_for = {"message": "Stopped", "act": "go on", **still(self._choice, choice)}

    def leave(self, model: str) -> None:
        """Hold nothing of any model but this one; the picture stays until the next."""
        if self._asked is None or self._asked.model == model:
            return
        self._asked, self.along, self._parts, self._made_of = None, None, None, ()
        self._ahead = []
        self._kept.rest()
        self._wishes.renew([])

    def pin(self) -> Choice | None:
        """Keep the ray that is shown; return its choice, at the very token that it is of."""
        if self.scene is None or self.along is None or self._choice is None:
            return None
        choice = replace(self._choice, position=self.along.key.position, second=None)
        self._kept.keep(choice, self.scene)
        return choice

    @property
    def model(self) -> str | None:
        """The model of the newest scene, in its written form."""
        return self.along.key.model if self.along else None

    @property
    def tokens(self) -> int:
        """The number of tokens of the newest scene's prompt."""
        return len(self.along.analysis.state.tokens) if self.along else 0

    def _wait_aloud(self, ray: Job, choice: Choice) -> None:
        """Say what is waited for, and of what the picture is that stands meanwhile."""
        self._wishes.renew([ray])
        if self.sent is None or time.monotonic() > self._asked_at + QUIET:
            self.waits_for = stoppable(status_of(ray)) | still(self._choice, choice)

    def _make(
        self, along: Along, parts: Parts, pins: Sequence[Part], notes: Sequence[str], noted: int
    ) -> None:
        truth, plane, calibrated = map(result_of, (parts.truth, parts.plane, parts.calibrated))
        chips = result_of(parts.chips) or chips_so_far(along.key)
        known = truth, chips, plane, calibrated
        no_radii = UNKNOWN if parts.chips and parts.chips.failed else PENDING
        made_of = (along, *map(id, known), no_radii, *map(id, pins), *notes, noted)
        if made_of == self._made_of and self.sent is not None:
            self.sent = replace(self.sent, status=parts.status)
            return
        self.along, self._made_of = along, made_of
        self.scene = scene(
            along.analysis,
            along.spec,
            ray_line=truth or along.line,
            plane=plane,
            second=along.second,
            sensitivities=chips.sensitivities if chips else None,
            norms=chips.norms if chips else None,
            no_radii=no_radii,
            calibrated=calibrated,
            pins=pins,
            notes=notes,
        )
        self.scene["noted"] = noted
        self._stamp += 1
        text = json.dumps(self.scene, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        self.sent = Sent(self._stamp, text, parts.status)
