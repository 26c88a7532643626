"""Cached results of the Depth page: depths, continuations, and interpolations between prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stability.curvature.direction import Direction
from stability.curvature.direction_spec import eigendirection
from stability.curvature.directions import eigen
from stability.defaults import LEADING_PAIRS
from stability.errors import StabilityError
from stability.geometry.continuation import Continuation
from stability.geometry.depth import Depth, depth, depth_map
from stability.geometry.depth_check import DepthCheck, depth_check
from stability.geometry.interpolation import Interpolation, interpolation
from stability.geometry.ray import Ray, ray
from stability.geometry.region import region_through
from stability.models import LanguageModel
from stability.models.generation import continuations
from stability.models.progress import Report
from stability.prediction.conversation import PromptLike
from stability.prediction.state import State
from stability.ui import wording
from stability.ui.cached.background import Jobs, Stop
from stability.ui.cached.job import turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.models import loaded
from stability.ui.cached.reported import Reported
from stability.ui.cached.states import StateKey, eigenpairs, state, states
from stability.views.region import RegionView, half_to_show, region_view

_maps, _depths, _checks, _slices = (Jobs(kept, takes_turns=True) for kept in (16, 16, 32, 16))

PAST = 1.02  # times the distance of a flip, where the other token leads
# at which the network is run for a plane, more or less
SLICE_POINTS = 2600


@dataclass(frozen=True)
class Slice:
    """The plane through the last tokens of prompts A, B and C at a site."""

    model: str
    a: PromptLike
    b: str
    c: str
    site: str


# the view, None where it has a flat direction, and the letters with their coordinates
DrawnSlice = tuple[RegionView | None, list[tuple[str, float, float]]]


def has_map(model: str, prompt: PromptLike) -> bool:
    """Whether the map of a prompt is measured, or on its way."""
    return _maps.has((model, prompt))


def measured_map(model: str, prompt: PromptLike, on_stop: Stop = None) -> list[Depth]:
    """Every position at every block, with progress."""
    first_block = states(model, prompt, "block:0")

    def work(report: Report) -> list[Depth]:
        return depth_map(first_block, lambda part: report("Measuring every token and block", part))

    depths: list[Depth] = _maps.get((model, prompt), work, on_stop)
    return depths


def measured_depth(key: StateKey, on_stop: Stop = None) -> Depth:
    """One position at every block, with progress."""
    return _blocks_and_depth(key, on_stop)[1]


def checked_depth(key: StateKey, epsilon: float, on_stop: Stop = None) -> DepthCheck:
    """The closed form against the truth at every block of one position, with progress."""

    def follow(report: Report) -> DepthCheck:
        message = "Following it to the boundary, block by block"
        return depth_check(measured, blocks, epsilon, lambda part: report(message, part))

    blocks, measured = _blocks_and_depth(key, on_stop)
    check: DepthCheck = _checks.get((key, epsilon), follow, on_stop)
    return check


def _blocks_and_depth(key: StateKey, on_stop: Stop) -> tuple[tuple[State, ...], Depth]:
    lm = loaded(key.model)

    def find(report: Report) -> tuple[tuple[State, ...], Depth]:
        report("Finding the most sensitive direction of every block", 0.0)
        blocks = lm.capture_depth(key.prompt, key.position)
        return blocks, depth(blocks[0])

    found: tuple[tuple[State, ...], Depth] = _depths.get(key, find, on_stop)
    return found


@cached(
    64,
    parts=lambda key, rank, *settings: (
        loaded(key.model),
        state(key),
        eigen(eigenpairs(key, LEADING_PAIRS), rank),
    ),
)
def written(
    _parts: tuple[LanguageModel, State, Direction],
    key: StateKey,
    rank: int,
    epsilon: float,
    extra: float,
    n: int,
) -> tuple[float, list[tuple[str, Continuation]]]:
    """The closed form's radius along an eigendirection, and continuations after pushes along it.

    Pushes are parts of the radius, just past the first flip of each side, and `extra` unless it is 0.
    """
    lm, here, direction = _parts
    with turn():
        r, distances = _pushes(ray(here, direction.vector), here.norm, epsilon, rank)
    if extra:
        distances[f"t = {wording.number(extra)}"] = extra
    with turn():
        texts = continuations(lm, here, direction.vector, [*distances.values()], n)
    return r, [*zip(distances, texts, strict=True)]


def _pushes(line: Ray, norm: float, epsilon: float, rank: int) -> tuple[float, dict[str, float]]:
    """The predicted radius, and distances by name; raises StabilityError without curvature."""
    r = line.predicted_radius(epsilon)
    if r is None:
        raise StabilityError(
            f"A push needs a direction with curvature; {eigendirection(rank)} has none here: "
            "choose an earlier one, or a less certain token."
        )
    distances = {"t = 0": 0.0, "r/2": r / 2, "r": r, "2r": 2 * r, "−r": -r, "−2r": -2 * r}
    for sign, side in zip((-1, 1), line.flips(1), strict=True):
        for flip in side:
            t = sign * PAST * flip.distance
            far = ", longer than the vector" if abs(t) > norm else ""
            distances[f"t = {wording.number(t)}, past a flip{far}"] = t
    return r, distances


def _last_states(model: str, prompts: Sequence[PromptLike], site: str) -> list[State]:
    """The last token's state of prompts A, B, …; an error names the letter of its prompt."""
    last = []
    for letter, prompt in zip("ABC", prompts, strict=False):
        try:
            last.append(states(model, prompt, site)[-1])
        except StabilityError as error:
            raise StabilityError(f"{letter}: {error}") from error
    return last


@cached(32, parts=lambda model, a, b, site: _last_states(model, (a, b), site))
def interpolated(
    _ends: Sequence[State], model: str, a: PromptLike, b: str, site: str
) -> tuple[Interpolation, list[str]]:
    """The interpolation between the last tokens of two prompts, and the likeliest token along it."""
    start, end = _ends
    with turn():
        line = interpolation(start, end)
    return line, [start.text(int(token)) for token in line.argmax]


def slice_of_three(plane: Slice, epsilon: float, on_stop: Stop = None) -> DrawnSlice:
    """The plane through the last tokens of three prompts, and their coordinates, with progress."""
    corners = _last_states(plane.model, (plane.a, plane.b, plane.c), plane.site)

    def work(report: Report) -> DrawnSlice:
        first, others = corners[0], corners[1:]
        if first.above is not None:
            first = replace(first, above=Reported(first.above, SLICE_POINTS, report))
        through = region_through(first, *others)
        points = [
            (letter, *through.coordinates(corner.vector))
            for letter, corner in zip("ABC", corners, strict=True)
        ]
        half = half_to_show([(x, y) for _, x, y in points])
        axes = ("towards B", "across, on C's side")
        return region_view(through, axes, epsilon, None, half), points

    drawn: DrawnSlice = _slices.get((plane, epsilon), work, on_stop)
    return drawn
