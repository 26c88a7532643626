"""What comes after a ray: the parts of a scene that are computed while it is looked at already."""

from dataclasses import dataclass

from stability.instrument.plane import FLAT
from stability.ui.cached import explore
from stability.ui.cached.chips import start_chips
from stability.ui.cached.explore import Along, Part
from stability.ui.cached.job import Job
from stability.ui.cached.looks import failures, status_of, stoppable
from stability.ui.choice import Choice


@dataclass(frozen=True, eq=False)
class Parts:
    """What comes after the ray: the truth where the network is run for it, chips, plane, numbers.

    Without them nothing has been begun.
    """

    truth: Job | None = None
    chips: Job | None = None
    plane: Job | None = None
    calibrated: Job | None = None

    @classmethod
    def start(cls, along: Along, choice: Choice) -> "Parts":
        """Begin all of them, or find those that are under way or done."""
        direction = choice.direction
        truth = None if along.is_complete else explore.start_truth(along, direction)
        return cls(
            truth,
            start_chips(along.key, len(along.analysis.state.tokens)),
            explore.start_plane(along, direction, truth),
            explore.start_calibrated(along, direction),
        )

    @property
    def jobs(self) -> list[Job]:
        """The work that there is."""
        return [job for job in (self.truth, self.chips, self.plane, self.calibrated) if job]

    @property
    def status(self) -> Part | None:
        """What is waited for, where that takes its time."""
        if self.truth and not self.truth.future.done():
            return stoppable(status_of(self.truth, "Running the network along the ray"))
        if self.truth and self.plane and not self.plane.future.done():
            return stoppable(status_of(self.plane, "Running the network across the plane"))
        # of a prompt that is not mapped at once
        if self.chips and not self.chips.future.done() and self.chips.progress[1] > 0:
            return stoppable(status_of(self.chips))
        return None

    @property
    def notes(self) -> list[str]:
        """Why some of them are missing, a sentence each."""
        is_flat = self.plane and self.plane.is_ready and self.plane.future.result() is None
        return [*failures(self.jobs), *([FLAT] if is_flat else [])]

    @property
    def is_over(self) -> bool:
        """Whether nothing has been begun, or another session has given up what this one wants."""
        return not self.jobs or any(job.is_stopped for job in self.jobs)
