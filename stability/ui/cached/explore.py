"""Cached results, keyed by ids and settings: nothing is computed twice, and no array is a key.

What a result is made from is found first and handed in: Streamlit holds a lock while a cached
function runs, and finding a model may have to draw its progress. A prompt's states are kept as bare
vectors; what is computed of a position goes with the position.
"""

import gc
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from stability.curvature import directions
from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.curvature.directions import Direction, eigen
from stability.curvature.spectrum import Spectrum, spectrum
from stability.geometry.analysis import Analysis, along, pairs_for
from stability.geometry.cloud import Cloud, cloud
from stability.geometry.region import Region, region
from stability.geometry.sensitivity import Sensitivity, token_map
from stability.models import LanguageModel, load
from stability.models.progress import Report
from stability.prediction.state import State
from stability.ui import wording
from stability.ui.cached.background import Jobs, turn
from stability.ui.widgets.controls import Heading, Pasted, TokenPair
from stability.units import COORDINATES, Unit, percent_of
from stability.views.cloud import CloudView
from stability.views.ray import RayView, ray_view
from stability.views.region import RegionView, region_view

PAIRS = 16
PLACES = 32  # positions that are kept; each holds some ten numbers for every token of a vocabulary


@dataclass(frozen=True)
class Place:
    """A model, a prompt, a position in it and a site: what a state is captured from."""

    model: str
    prompt: str
    position: int
    site: str = "prelogit"


_models, _embeddings = Jobs(max_entries=2), Jobs(max_entries=32)


def loaded(name: str) -> LanguageModel:
    """The model, shared by all sessions, with its progress on the page while it loads."""

    def work(report: Report) -> LanguageModel:
        st.cache_resource.clear()  # results of a model that is forgotten would keep it alive
        lm = load(name, report=report)
        # what lives as long as the server need not be looked through at each collection
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return lm

    lm: LanguageModel = _models.get(name, work)
    return lm


def states(model: str, prompt: str, site: str = "prelogit") -> tuple[State, ...]:
    """All positions of a prompt at a site, from one forward pass."""
    return _states(model, prompt, site, loaded(model))


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _states(model: str, prompt: str, site: str, _lm: LanguageModel) -> tuple[State, ...]:
    with turn():
        return _lm.capture_all(prompt, site)


def sensitivities(model: str, prompt: str) -> list[Sensitivity]:
    """How every position answers to perturbations."""
    return _sensitivities(model, prompt, states(model, prompt))


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _sensitivities(model: str, prompt: str, _states: tuple[State, ...]) -> list[Sensitivity]:
    with turn():
        return token_map(_states)


def units(model: str, prompt: str, relative: bool, site: str = "prelogit") -> list[Unit]:
    """What lengths are counted in at every position."""
    return _units(model, prompt, relative, site, states(model, prompt, site))


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _units(
    model: str, prompt: str, relative: bool, site: str, _states: tuple[State, ...]
) -> list[Unit]:
    return [percent_of(state.norm) if relative else COORDINATES for state in _states]


def notes(model: str, prompt: str, relative: bool, epsilon: float) -> list[str]:
    """What every position is like, in words."""
    found = zip(sensitivities(model, prompt), units(model, prompt, relative), strict=True)
    return _notes(model, prompt, relative, epsilon, found)


@st.cache_resource(max_entries=128, show_spinner=False)
def _notes(
    model: str,
    prompt: str,
    relative: bool,
    epsilon: float,
    _found: Iterable[tuple[Sensitivity, Unit]],
) -> list[str]:
    return [wording.sensitivity(one, unit, epsilon) for one, unit in _found]


def state(place: Place) -> State:
    """The state at a place."""
    return _state(place, states(place.model, place.prompt, place.site)[place.position])


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _state(place: Place, _bare: State) -> State:
    return replace(_bare)


def eigenpairs(place: Place, k: int) -> Spectrum:
    """The leading eigenpairs of `H` at a place."""
    return _eigenpairs(place, k, state(place))


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _eigenpairs(place: Place, k: int, _here: State) -> Spectrum:
    with turn():
        return spectrum(_here, min(k, _here.width))


def analysis(place: Place, heading: Heading) -> Analysis:
    """Everything along one direction."""
    return _analysis(place, heading, loaded(place.model), state(place))


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _analysis(place: Place, heading: Heading, _lm: LanguageModel, _here: State) -> Analysis:
    k = pairs_for(_here, heading, PAIRS) if isinstance(heading, DirectionSpec) else PAIRS
    pairs = _eigenpairs(place, k, _here)
    found = _direction(_lm, _here, pairs, heading)
    with turn():
        return along(_here, pairs, found)


def _direction(lm: LanguageModel, here: State, pairs: Spectrum, heading: Heading) -> Direction:
    match heading:
        case TokenPair(start, end):
            return directions.token_difference(here, lm.token_id(start), lm.token_id(end))
        case Pasted(name, data):
            return directions.pasted(here, data, name)
    return directions.resolve(heading, here, pairs, lm)


def drawn_ray(place: Place, heading: Heading, epsilon: float) -> RayView | None:
    """A ray sampled for its picture."""
    return _drawn_ray(place, heading, epsilon, analysis(place, heading))


@st.cache_resource(max_entries=128, show_spinner=False)
def _drawn_ray(place: Place, heading: Heading, epsilon: float, _found: Analysis) -> RayView | None:
    with turn():
        return ray_view(_found.ray, _found.direction.label, epsilon)


def drawn_region(place: Place, heading: Heading, second: int, epsilon: float) -> RegionView | None:
    """The plane of a direction and an eigendirection, sampled for its picture."""
    return _drawn_region(place, heading, second, epsilon, analysis(place, heading))


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn_region(
    place: Place, heading: Heading, second: int, epsilon: float, _found: Analysis
) -> RegionView | None:
    labels = (_found.direction.label, eigendirection(second))
    plane = _plane(place, heading, second, _found)
    with turn():
        return region_view(plane, labels, epsilon, _found.sensitivity.certified_ball(epsilon))


@st.cache_resource(max_entries=PLACES, show_spinner=False)
def _plane(place: Place, heading: Heading, second: int, _found: Analysis) -> Region:
    other = eigen(_found.spectrum, second)
    return region(_found.state, _found.direction.vector, other.vector)


@st.cache_resource(max_entries=64, show_spinner=False)
def _sampled(place: Place, epsilon: float, _here: State) -> Cloud:
    pairs = _eigenpairs(place, PAIRS, _here)
    with turn():
        return cloud(_here, pairs, epsilon)


def drawn_cloud(place: Place, epsilon: float, method: str) -> CloudView:
    """A cloud projected to two axes by PCA, at once, or by UMAP, with progress."""
    here = state(place)
    found = _sampled(place, epsilon, here)

    def umap(report: Report) -> Any:
        report("Preparing UMAP: the first time, its code is compiled for half a minute", 0.0)
        return found.umap(lambda fraction: report("Projecting with UMAP", fraction))

    points = found.pca() if method == "PCA" else _embeddings.get((place, epsilon), umap)
    texts = [here.text(int(i)) for i in found.argmax]
    return CloudView(method, points, found, texts, COORDINATES if method == "PCA" else None)
