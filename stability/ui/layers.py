"""Cached results of the Depth page, keyed by ids and settings as those of Explore."""

from collections.abc import Callable

import streamlit as st

from stability.depths import Across, Depth, across, depth, depth_map
from stability.errors import StabilityError
from stability.models.progress import Report
from stability.models.writing import Continuation, continuations
from stability.paths import Path, path
from stability.rays import ray
from stability.regions import region
from stability.ui.compute import PAIRS, Place, eigenpairs, loaded, state, states
from stability.ui.jobs import TURN, Jobs
from stability.views import RegionView, region_view

Stop = Callable[[], None] | None
_maps, _acrosses = Jobs(16, takes_turns=True), Jobs(32, takes_turns=True)


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


def depth_across(place: Place, epsilon: float, on_stop: Stop = None) -> tuple[Depth, Across]:
    """One position at every block, the closed form against the truth, with progress."""
    lm = loaded(place.model)

    def work(report: Report) -> tuple[Depth, Across]:
        here = lm.capture_depth(place.prompt, place.position)
        report("Finding the most sensitive direction of every block", 0.0)
        found = depth(here[0])
        tell = "Following it to the boundary, block by block"
        return found, across(found, here, epsilon, lambda part: report(tell, part))

    result: tuple[Depth, Across] = _acrosses.get((place, epsilon), work, on_stop)
    return result


def written(
    place: Place, rank: int, epsilon: float, extra: float, n: int
) -> tuple[float, list[tuple[str, Continuation]]]:
    """The closed form's radius along an eigendirection, and what is written at parts of it."""
    return _written(place, rank, epsilon, extra, n)


@st.cache_resource(max_entries=64, show_spinner=False)
def _written(
    place: Place, rank: int, epsilon: float, extra: float, n: int
) -> tuple[float, list[tuple[str, Continuation]]]:
    here = state(place)
    pairs = eigenpairs(place, PAIRS)
    direction = pairs.vectors[:, min(rank, pairs.vectors.shape[1] - 1)]
    with TURN:
        r = ray(here, direction).predicted_radius(epsilon)
    if r is None:
        raise StabilityError(
            f"A push needs a direction with curvature; eigendirection {rank + 1} has none here: "
            "choose an earlier one, or a less certain token."
        )
    places = {"t = 0": 0.0, "r/2": r / 2, "r": r, "2r": 2 * r, "−r": -r, "−2r": -2 * r}
    if extra:
        places[f"t = {extra:.3g}"] = extra
    lm = loaded(place.model)
    with TURN:
        found = continuations(lm, here, direction, [*places.values()], n)
    return r, [*zip(places, found, strict=True)]


@st.cache_resource(max_entries=32, show_spinner=False)
def way(model: str, a: str, b: str, site: str) -> tuple[Path, list[str]]:
    """The way between the last tokens of two prompts, and the most likely token along it."""
    start, end = states(model, a, site)[-1], states(model, b, site)[-1]
    with TURN:
        found = path(start, end)
    return found, [start.text(int(token)) for token in found.argmax]


@st.cache_resource(max_entries=16, show_spinner=False)
def slice_of_three(
    model: str, a: str, b: str, c: str, site: str, epsilon: float
) -> tuple[RegionView | None, list[tuple[str, float, float]]]:
    """The plane through the last tokens of three prompts, and where they lie in it."""
    start, *others = (states(model, prompt, site)[-1] for prompt in (a, b, c))
    ways = [other.vector.double() - start.vector.double() for other in others]
    with TURN:
        plane = region(start, *ways)
    points = [("A", 0.0, 0.0)]
    for name, one in zip("BC", ways, strict=True):
        x, y = (plane.axes.T @ one).tolist()
        points.append((name, x, y))
    half = 1.2 * max(abs(coordinate) for _, x, y in points for coordinate in (x, y))
    with TURN:
        return region_view(plane, ("towards B", "towards C"), epsilon, None, half), points
