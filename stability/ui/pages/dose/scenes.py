"""A session's scenes of doses: put together from what has been computed so far."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stability.errors import StabilityError
from stability.steering.scenes.scene import dose_scene
from stability.steering.scenes.scene_parts import Part
from stability.ui.cached import dose
from stability.ui.cached.dose import Measured
from stability.ui.cached.job import Job
from stability.ui.cached.looks import PATIENCE, failures, result_of, status_of, wait_for
from stability.ui.cached.wishes import Wishes
from stability.ui.dose_choice import Asked, DoseChoice
from stability.ui.pages.dose import defaults
from stability.ui.widgets.instrument import Sent

Parts = dict[str, list[Job | Part]]


class DoseScenes:
    """The newest scene of a session, and what it still waits for."""

    def __init__(self) -> None:
        self.sent: Sent | None = None
        self.found: Measured | None = None
        # why the newest choice is not shown, and the last one still is
        self.refusal: StabilityError | None = None
        self._asked: DoseChoice | None = None
        self._asked_at = 0.0
        self._made_of: tuple[Any, ...] = ()
        self._written: tuple[Measured, Part] | None = None
        self._wishes = Wishes()
        self._stamp = 0

    def look(self, choice: DoseChoice, asked: Asked, notes: Sequence[str]) -> bool:
        """Put together what is known of a choice, or keep the last scene; say whether more will come.

        `asked` is what the browser wants besides. Where a choice is refused, what is shown is still
        computed to its end. Raises StabilityError where nothing is shown.
        """
        if choice == self._asked and self.refusal and self.found:
            # a job that has failed would be begun again where it is asked for
            return self._show(self.found, asked, notes)
        measured = dose.start_dose(choice)
        if choice != self._asked:
            self._asked, self._asked_at, self.refusal = choice, time.monotonic(), None
            self._wishes.renew([measured])
        wait_for([measured], self._asked_at + PATIENCE)
        # another session may have given it up just before this one wanted it
        if not measured.future.done() or measured.is_stopped:
            self._wishes.renew([measured])
            if self.sent is not None:
                self.sent = replace(self.sent, status=status_of(measured))
            return True
        try:
            found: Measured = measured.future.result()
        except StabilityError as error:
            if self.found is None:
                raise
            self.refusal, found = error, self.found
        return self._show(found, asked, notes)

    def _show(self, found: Measured, asked: Asked, notes: Sequence[str]) -> bool:
        """Put together what is known of a dose, and begin what is not; say whether more will come."""
        self.found = found
        jobs = _parts(found, asked, defaults.shipped() if found.choice == defaults.CHOICE else {})
        begun = [one for part in jobs.values() for one in part if isinstance(one, Job)]
        self._wishes.renew(begun)
        self._make(found, asked, jobs, notes)
        return any(not job.future.done() for job in begun)

    @property
    def status(self) -> str:
        """What a first scene waits for."""
        job = self._asked and dose.start_dose(self._asked)
        return job.progress[0] if job else ""

    @property
    def model(self) -> str | None:
        """The model of the newest scene, in its written form."""
        return self.found.choice.model if self.found else None

    def leave(self, model: str) -> None:
        """Hold nothing of any model but this one; the picture stays until the next."""
        if self._asked is None or self._asked.model == model:
            return
        self._asked, self.found, self._made_of = None, None, ()
        self._wishes.renew([])

    def _make(self, found: Measured, asked: Asked, jobs: Parts, notes: Sequence[str]) -> None:
        known = {name: [_result(job) for job in part] for name, part in jobs.items()}
        failed = {name: _failures(part) for name, part in jobs.items()}
        status = _status_of(jobs)
        ids = [id(result) for results in known.values() for result in results]
        made_of = (found, *ids, asked.statistic, asked.sign, *notes, str(failed))
        if made_of == self._made_of and self.sent is not None:
            self.sent = replace(self.sent, status=status)
            return
        self._made_of = made_of
        [truth], [layers], [written] = known["truth"], known["layers"], known["written"]
        [prices] = known["prices"]
        scene = dose_scene(
            found.dose,
            found.source,
            truth=truth,
            passes=[part for part in known["passes"] if part],
            prices=prices,
            prices_note=next(iter(failed["prices"]), None),
            layers=layers,
            layers_note=next(iter(failed["layers"]), None),
            # the last texts stay until the next are there
            written=written or self._last_written(found),
            written_note=next(iter(failed["written"]), None),
            wanted={"statistic": asked.statistic, "sign": asked.sign},
            notes=[*notes, *failed["truth"], *failed["passes"]],
        )
        self._written = scene["written"] and (found, scene["written"])
        self._stamp += 1
        text = json.dumps(scene, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        self.sent = Sent(self._stamp, text, status)

    def _last_written(self, found: Measured) -> Any:
        return self._written[1] if self._written and self._written[0] is found else None


def _parts(found: Measured, asked: Asked, shipped: Mapping[str, Any]) -> Parts:
    """What is wanted of a dose, the most urgent first: what is known, or the work that finds it."""
    writing = (asked.statistic, asked.sign)
    texts = shipped.get("written") if writing == defaults.WRITING else None
    passes = {one["c"]: one for one in shipped.get("passes", ())}
    return {
        "passes": [
            passes.get(c) or dose.start_pass(found, c)
            for c in dict.fromkeys([*passes, *asked.coefficients])
        ],
        "truth": [shipped.get("truth") or dose.start_truth(found)],
        "prices": [shipped.get("prices") or dose.start_prices(found)],
        "written": [texts or dose.start_writing(found, *writing)],
        "layers": [_shipped_layers(found.choice) or dose.start_layers(found)],
    }


def _shipped_layers(choice: DoseChoice) -> Part | None:
    return defaults.shipped()["layers"] if dose.layered(choice) == defaults.CHOICE else None


def _status_of(jobs: Parts) -> dict[str, Any] | None:
    """What the network is run for now, of what takes its time."""
    for name in ("truth", "written", "layers"):
        for job in jobs[name]:
            if isinstance(job, Job) and not job.future.done():
                return status_of(job)
    return None


def _result(part: Job | Part) -> Any:
    return result_of(part) if isinstance(part, Job) else part


def _failures(parts: Sequence[Job | Part]) -> list[str]:
    return failures([part for part in parts if isinstance(part, Job)])
