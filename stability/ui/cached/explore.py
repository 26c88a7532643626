"""Cached results of the Explore page: everything along one direction, and its pictures."""

from typing import Any

from stability.curvature import directions
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.curvature.directions import eigen
from stability.curvature.spectrum import Spectrum
from stability.geometry.analysis import Analysis, along, pairs_for
from stability.geometry.cloud import Cloud, cloud
from stability.geometry.region import Region, region
from stability.models import LanguageModel
from stability.models.progress import Report
from stability.prediction.state import State
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.models import loaded
from stability.ui.cached.states import LEADING_PAIRS, POSITIONS, StateKey, eigenpairs, state
from stability.ui.choice import DirectionChoice, Pasted, TokenPair
from stability.units import COORDINATES
from stability.views.cloud import CloudView
from stability.views.ray import RayView, ray_view
from stability.views.region import RegionView, region_view

_embeddings = Jobs(max_entries=32)


def _parts_of_analysis(
    key: StateKey, direction: DirectionChoice
) -> tuple[LanguageModel, State, Spectrum]:
    here = state(key)
    k = LEADING_PAIRS
    if isinstance(direction, DirectionSpec):
        k = pairs_for(here, direction, k)
    return loaded(key.model), here, eigenpairs(key, k)


@cached(POSITIONS, parts=_parts_of_analysis)
def analysis(
    _parts: tuple[LanguageModel, State, Spectrum], key: StateKey, direction: DirectionChoice
) -> Analysis:
    """Everything along one direction."""
    lm, here, pairs = _parts
    resolved = _resolve(lm, here, pairs, direction)
    with turn():
        return along(here, pairs, resolved)


def _resolve(
    lm: LanguageModel, here: State, pairs: Spectrum, direction: DirectionChoice
) -> Direction:
    match direction:
        case TokenPair(start, end):
            return directions.token_difference(here, lm.token_id(start), lm.token_id(end))
        case Pasted(name, data):
            return directions.pasted(here, data, name)
    return directions.resolve(direction, here, pairs, lm)


@cached(128, parts=lambda key, direction, epsilon: analysis(key, direction))
def drawn_ray(
    _analysis: Analysis, key: StateKey, direction: DirectionChoice, epsilon: float
) -> RayView | None:
    """A ray sampled for its picture."""
    with turn():
        return ray_view(_analysis.ray, _analysis.direction.label, epsilon)


@cached(POSITIONS, parts=lambda key, direction, second: analysis(key, direction))
def _plane(_analysis: Analysis, key: StateKey, direction: DirectionChoice, second: int) -> Region:
    other = eigen(_analysis.spectrum, second)
    return region(_analysis.state, _analysis.direction.vector, other.vector)


@cached(
    64,
    parts=lambda key, direction, second, epsilon: (
        analysis(key, direction),
        _plane(key, direction, second),
    ),
)
def drawn_region(
    _parts: tuple[Analysis, Region],
    key: StateKey,
    direction: DirectionChoice,
    second: int,
    epsilon: float,
) -> RegionView | None:
    """The plane of a direction and an eigendirection, sampled for its picture."""
    analysis, plane = _parts
    labels = (analysis.direction.label, eigendirection(second))
    with turn():
        return region_view(plane, labels, epsilon, analysis.sensitivity.certified_ball(epsilon))


@cached(64, parts=lambda key, epsilon: (state(key), eigenpairs(key, LEADING_PAIRS)))
def _sampled(_parts: tuple[State, Spectrum], key: StateKey, epsilon: float) -> Cloud:
    with turn():
        return cloud(*_parts, epsilon)


def drawn_cloud(key: StateKey, epsilon: float, method: str) -> CloudView:
    """A cloud projected to two axes by PCA, at once, or by UMAP, with progress."""
    here, sample = state(key), _sampled(key, epsilon)

    def umap(report: Report) -> Any:
        report("Preparing UMAP: the first time, its code is compiled for half a minute", 0.0)
        return sample.umap(lambda fraction: report("Projecting with UMAP", fraction))

    points = sample.pca() if method == "PCA" else _embeddings.get((key, epsilon), umap)
    texts = [here.text(int(token)) for token in sample.argmax]
    return CloudView(method, points, sample, texts, COORDINATES if method == "PCA" else None)
