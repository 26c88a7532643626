"""Cached results of the Depth page, keyed by ids and settings as those of Explore."""

from collections.abc import Sequence

import streamlit as st
from jaxtyping import Float
from torch import Tensor

from stability.curvature.direction_spec import eigendirection
from stability.curvature.directions import eigen
from stability.errors import StabilityError
from stability.geometry.continuation import Continuation
from stability.geometry.depth import Depth, DepthCheck, depth, depth_check, depth_map
from stability.geometry.interpolation import Interpolation, interpolation
from stability.geometry.ray import ray
from stability.geometry.region import region
from stability.models import LanguageModel
from stability.models.generation import continuations
from stability.models.progress import Report
from stability.prediction.state import State
from stability.ui.cached.background import Jobs, Stop, turn
from stability.ui.cached.explore import PAIRS, Place, eigenpairs, loaded, state, states
from stability.views.region import RegionView, region_view

_maps, _depths, _acrosses = (Jobs(kept, takes_turns=True) for kept in (16, 16, 32))

PAST = 1.02  # times the distance of a flip, where the other token leads


def has_map(model: str, prompt: str) -> bool:
    """Whether the map of a prompt is there, or on its way."""
    return _maps.has((model, prompt))


def depths(model: str, prompt: str, on_stop: Stop = None) -> list[Depth]:
    """Every position at every block, with progress."""
    below = states(model, prompt, "block:0")

    def work(report: Report) -> list[Depth]:
        return depth_map(below, lambda part: report("Measuring every token and block", part))

    found: list[Depth] = _maps.get((model, prompt), work, on_stop)
    return found


def depth_across(place: Place, epsilon: float, on_stop: Stop = None) -> tuple[Depth, DepthCheck]:
    """One position at every block, the closed form against the truth, with progress."""
    lm = loaded(place.model)

    def find(report: Report) -> tuple[tuple[State, ...], Depth]:
        report("Finding the most sensitive direction of every block", 0.0)
        here = lm.capture_depth(place.prompt, place.position)
        return here, depth(here[0])

    def follow(report: Report) -> DepthCheck:
        tell = "Following it to the boundary, block by block"
        return depth_check(found, here, epsilon, lambda part: report(tell, part))

    here, found = _depths.get(place, find, on_stop)
    return found, _acrosses.get((place, epsilon), follow, on_stop)


def written(
    place: Place, rank: int, epsilon: float, extra: float, n: int
) -> tuple[float, list[tuple[str, Continuation]]]:
    """The closed form's radius along an eigendirection, and what is written at parts of it, and past
    the first flip on either side.
    """
    found = loaded(place.model), state(place), eigen(eigenpairs(place, PAIRS), rank).vector
    return _written(place, rank, epsilon, extra, n, *found)


@st.cache_resource(max_entries=64, show_spinner=False)
def _written(
    place: Place,
    rank: int,
    epsilon: float,
    extra: float,
    n: int,
    _lm: LanguageModel,
    _here: State,
    _direction: Float[Tensor, " d"],
) -> tuple[float, list[tuple[str, Continuation]]]:
    line = ray(_here, _direction)
    with turn():
        r, flips = line.predicted_radius(epsilon), line.flips(1)
    if r is None:
        raise StabilityError(
            f"A push needs a direction with curvature; {eigendirection(rank)} has none here: "
            "choose an earlier one, or a less certain token."
        )
    places = {"t = 0": 0.0, "r/2": r / 2, "r": r, "2r": 2 * r, "−r": -r, "−2r": -2 * r}
    for sign, side in zip((-1, 1), flips, strict=True):
        for flip in side:
            places[f"{sign * flip.distance:.3g}, past a flip"] = sign * PAST * flip.distance
    if extra:
        places[f"t = {extra:.3g}"] = extra
    with turn():
        found = continuations(_lm, _here, _direction, [*places.values()], n)
    return r, [*zip(places, found, strict=True)]


def way(model: str, a: str, b: str, site: str) -> tuple[Interpolation, list[str]]:
    """The way between the last tokens of two prompts, and the most likely token along it."""
    ends = [_named(name, model, prompt, site) for name, prompt in zip("AB", (a, b), strict=True)]
    return _way(model, a, b, site, ends)


@st.cache_resource(max_entries=32, show_spinner=False)
def _way(
    model: str, a: str, b: str, site: str, _ends: Sequence[State]
) -> tuple[Interpolation, list[str]]:
    start, end = _ends
    with turn():
        found = interpolation(start, end)
    return found, [start.text(int(token)) for token in found.argmax]


def _named(name: str, model: str, prompt: str, site: str) -> State:
    """The last token's state; what is wrong with a prompt is said of its letter."""
    try:
        return states(model, prompt, site)[-1]
    except StabilityError as error:
        raise StabilityError(f"{name}: {error}") from error


def slice_of_three(
    model: str, a: str, b: str, c: str, site: str, epsilon: float
) -> tuple[RegionView | None, list[tuple[str, float, float]]]:
    """The plane through the last tokens of three prompts, and where they lie in it."""
    prompts = zip("ABC", (a, b, c), strict=True)
    corners = [_named(name, model, prompt, site) for name, prompt in prompts]
    return _slice_of_three(model, a, b, c, site, epsilon, corners)


@st.cache_resource(max_entries=16, show_spinner=False)
def _slice_of_three(
    model: str, a: str, b: str, c: str, site: str, epsilon: float, _corners: Sequence[State]
) -> tuple[RegionView | None, list[tuple[str, float, float]]]:
    start, *others = _corners
    ways = [other.vector.double() - start.vector.double() for other in others]
    with turn():
        plane = region(start, *ways)
    points = [("A", 0.0, 0.0)]
    for name, one in zip("BC", ways, strict=True):
        x, y = (plane.axes.T @ one).tolist()
        points.append((name, x, y))
    half = 1.2 * max(abs(coordinate) for _, x, y in points for coordinate in (x, y))
    with turn():
        axes = ("towards B", "across, on C's side")
        return region_view(plane, axes, epsilon, None, half), points
