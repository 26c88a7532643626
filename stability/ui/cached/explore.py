"""Cached results of the Explore page, made in the background: the parts of a scene."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from stability.curvature import directions
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.directions import eigen
from stability.curvature.spectrum import Spectrum
from stability.defaults import LEADING_PAIRS
from stability.errors import StabilityError
from stability.geometry.analysis import Analysis, pairs_for
from stability.geometry.ray import ray
from stability.geometry.region import region
from stability.geometry.sensitivity import Sensitivity
from stability.instrument.line import is_known, line
from stability.instrument.plane import plane
from stability.models import LanguageModel
from stability.models.progress import Report
from stability.prediction.state import State
from stability.ui.cached import calibration
from stability.ui.cached.background import Jobs
from stability.ui.cached.chosen_direction import resolve, spec_of
from stability.ui.cached.job import Job, awaited, turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.models import loaded, start_loading
from stability.ui.cached.states import (
    POSITIONS,
    StateKey,
    eigenpairs,
    sensed_at,
    state,
    states,
)
from stability.ui.cached.turns import Urgency
from stability.ui.cached.within import position_within, second_within
from stability.ui.choice import Choice
from stability.ui.direction_choice import DirectionChoice

Part = dict[str, Any]
# threads only wait: networks run one at a time
AT_ONCE = 8
_rays, _truths, _planes, _calibrated = (Jobs(kept, at_once=AT_ONCE) for kept in (32, 64, 32, 64))


@dataclass(frozen=True, eq=False)
class Along:
    """What is known at once along a direction; `line` holds the truth only where that is exact."""

    key: StateKey
    analysis: Analysis
    spec: DirectionSpec | None
    line: Part | None
    second: int
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the truth is known, or there is none to know."""
        return self.line is None or is_known(self.line)


def start_ray(choice: Choice) -> Job:
    """Look along the direction of a choice."""
    return _rays.start(choice, partial(_along, choice), Urgency.FIRST)


def start_truth(along: Along, direction: DirectionChoice) -> Job:
    """Follow a ray whose truth the network is run for."""
    return _truths.start(
        (along.key, direction), _held(lambda: line(along.analysis.ray)), Urgency.TRUTH
    )


def start_plane(along: Along, direction: DirectionChoice, truth: Job | None = None) -> Job:
    """Map the plane of a ray and an eigendirection, once the truth along the ray has been followed."""
    analysis, other = along.analysis, along.second

    def work() -> Part | None:
        second = eigen(analysis.spectrum, other).vector
        return plane(region(analysis.state, analysis.direction.vector, second))

    def run(report: Report) -> Any:
        # both take long, and would share the turns
        with suppress(StabilityError):
            _ = truth and awaited(truth, report)
        return _held(work)(report)

    return _planes.start((along.key, direction, other), run, Urgency.PLANE)


def is_plane_begun(along: Along, direction: DirectionChoice) -> bool:
    """Whether the plane of a ray is there, or on its way."""
    return _planes.has((along.key, direction, along.second))


def start_calibrated(along: Along, direction: DirectionChoice) -> Job:
    """Find the calibrated radii of every `ε`, where there are any."""
    return _calibrated.start(
        (along.key, direction),
        lambda report: calibration.calibrated(along.analysis),
        Urgency.CHIPS,
    )


def _held(work: Callable[[], Any]) -> Callable[[Report], Any]:
    """Work that runs a network, in one turn."""

    def run(report: Report) -> Any:
        with turn():
            return work()

    return run


def _along(choice: Choice, report: Report) -> Along:
    awaited(start_loading(choice.model), report)
    report("Reading the prompt", 0.0)
    last = len(states(choice.model, choice.prompt, choice.site)) - 1
    position, notes = position_within(choice.position, last)
    key = StateKey(choice.model, choice.prompt, position, choice.site)
    is_push = isinstance(choice.direction, DirectionSpec) and choice.direction.kind == "cheapest"
    report("Searching for the push" if is_push else "Looking along the direction", 0.0)
    analysis_, spec = analysis(key, choice.direction), spec_of(loaded(key.model), choice.direction)
    second, said = second_within(choice, analysis_)
    return Along(key, analysis_, spec, known_line(key, choice.direction), second, (*notes, *said))


def _parts_of_analysis(
    key: StateKey, direction: DirectionChoice
) -> tuple[LanguageModel, State, Spectrum, Sensitivity]:
    lm, here = loaded(key.model), state(key)
    spec = spec_of(lm, direction)
    k = pairs_for(here, spec, LEADING_PAIRS) if spec else LEADING_PAIRS
    return lm, here, eigenpairs(key, k), sensed_at(key, k)


@cached(POSITIONS, parts=_parts_of_analysis)
def analysis(
    _parts: tuple[LanguageModel, State, Spectrum, Sensitivity],
    key: StateKey,
    direction: DirectionChoice,
) -> Analysis:
    """Everything along one direction."""
    lm, here, pairs, sensed = _parts
    with turn():
        found = resolve(lm, here, pairs, direction)
        return Analysis(here, pairs, sensed, found, ray(here, found.vector))


@cached(POSITIONS, parts=analysis)
def known_line(_analysis: Analysis, key: StateKey, direction: DirectionChoice) -> Part | None:
    """What is known of a ray without running a network."""
    with turn():
        return line(_analysis.ray, with_truth=False)


def turned_on(along: Along, degrees: float) -> DirectionSpec | None:
    """The direction of a ray turned once more in its plane; None for a vector that was given."""
    lm, found = loaded(along.key.model), along.analysis
    # another prompt may have to be read
    with turn():
        return along.spec and directions.turned_on(
            along.spec, degrees, along.second, found.state, found.spectrum, lm
        )
