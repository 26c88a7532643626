"""Rays that are kept: what is drawn of each, found again where a link alone names it."""

from collections.abc import Sequence
from typing import TypeGuard

from stability.instrument.scene import pin, scene
from stability.ui.cached import explore
from stability.ui.cached.explore import Along, Part
from stability.ui.cached.job import Job
from stability.ui.cached.looks import failures, result_of
from stability.ui.choice import Choice


class KeptRays:
    """Of each ray that is kept its part of a scene, or what finds it, or why there is none."""

    def __init__(self) -> None:
        self._found: dict[Choice, Part | Job | str] = {}

    def keep(self, choice: Choice, shown: Part) -> None:
        """Keep the ray of a scene."""
        self._found[choice] = pin(shown)

    def of(self, choices: Sequence[Choice]) -> list[Part | Job | str]:
        """What there is of each ray, and no other is kept any more; what is lacking is begun."""
        self._found = {one: found for one, found in self._found.items() if one in choices}
        return [self._of(choice) for choice in choices]

    def drawn(self, choices: Sequence[Choice]) -> list[Part]:
        """The parts that are there; nothing is begun."""
        found = (self._found.get(choice) for choice in choices)
        return [part for part in found if isinstance(part, dict)]

    def rest(self) -> None:
        """Let go what still works, and the model with it."""
        self._found = {one: part for one, part in self._found.items() if isinstance(part, dict)}

    def _of(self, choice: Choice) -> Part | Job | str:
        found = self._found.get(choice)
        # a job that has failed would be begun again where it is asked for
        if isinstance(found, Job) and (said := failures([found])):
            found = self._found[choice] = f"A kept ray is not shown: {said[0]}"
        if isinstance(found, dict | str):
            return found
        ray = explore.start_ray(choice)
        along: Along | None = result_of(ray)
        truth = explore.start_truth(along, choice.direction) if _is_bent(along) else None
        last = self._found[choice] = truth or ray
        if along and last.is_ready:
            self.keep(choice, scene(along.analysis, along.spec, ray_line=result_of(truth)))
        return self._found[choice]


def _is_bent(along: Along | None) -> TypeGuard[Along]:
    """Whether the truth along a ray is still to be found."""
    return along is not None and not along.is_complete
