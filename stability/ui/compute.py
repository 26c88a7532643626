"""Cached results, keyed by ids and settings: nothing is computed twice, and no array is a key."""

import gc
from dataclasses import dataclass
from typing import Any

import streamlit as st

from stability import directions
from stability.analysis import Analysis, pairs_for
from stability.clouds import Cloud, cloud
from stability.directions import Direction, eigen
from stability.maps import Sensitivity, token_map
from stability.models import LanguageModel, load
from stability.models.packaged import Report
from stability.rays import ray
from stability.regions import Region, region
from stability.spectra import Spectrum, spectrum
from stability.state import State
from stability.ui.controls import Heading, Pasted, TokenPair
from stability.ui.jobs import Jobs
from stability.units import COORDINATES
from stability.views import CloudView, RayView, RegionView, ray_view, region_view

PAIRS = 16


@dataclass(frozen=True)
class Place:
    """A model, a prompt and a position in it: what a state is captured from."""

    model: str
    prompt: str
    position: int


_models, _embeddings = Jobs(max_entries=2), Jobs(max_entries=32)


def loaded(name: str) -> LanguageModel:
    """The model, shared by all sessions, with its progress on the page while it loads."""

    def work(report: Report) -> LanguageModel:
        lm = load(name, report=report)
        # what lives as long as the server need not be looked through at each collection
        gc.collect()
        gc.freeze()
        return lm

    lm: LanguageModel = _models.get(name, work)
    return lm


def states(model: str, prompt: str) -> tuple[State, ...]:
    """All positions of a prompt, from one forward pass."""
    lm = loaded(model)
    return _states(lm.card.name, prompt, lm)


@st.cache_resource(max_entries=32, show_spinner=False)
def _states(model: str, prompt: str, _lm: LanguageModel) -> tuple[State, ...]:
    return _lm.capture_all(prompt)


@st.cache_resource(max_entries=32, show_spinner=False)
def sensitivities(model: str, prompt: str) -> list[Sensitivity]:
    """How every position answers to perturbations."""
    return token_map(states(model, prompt))


@st.cache_resource(max_entries=128, show_spinner=False)
def eigenpairs(place: Place, k: int) -> Spectrum:
    """The spectrum at a place."""
    return spectrum(state(place), k)


def state(place: Place) -> State:
    """The state at a place."""
    return states(place.model, place.prompt)[place.position]


@st.cache_resource(max_entries=128, show_spinner=False)
def analysis(place: Place, heading: Heading) -> Analysis:
    """Everything along one direction."""
    here = state(place)
    k = pairs_for(here, heading, PAIRS) if isinstance(heading, str) else PAIRS
    pairs = eigenpairs(place, min(k, here.readout.width))
    found = _direction(loaded(place.model), here, pairs, heading)
    return Analysis(here, pairs, found, ray(here, found.vector))


def _direction(lm: LanguageModel, here: State, pairs: Spectrum, heading: Heading) -> Direction:
    match heading:
        case TokenPair(start, end):
            return directions.token_difference(here, lm.token_id(start), lm.token_id(end))
        case Pasted(name, data):
            return directions.pasted(here, data, name)
    return directions.resolve(heading, here, pairs, lm)


@st.cache_resource(max_entries=128, show_spinner=False)
def drawn_ray(place: Place, heading: Heading, epsilon: float) -> RayView | None:
    """A ray sampled for its picture."""
    found = analysis(place, heading)
    return ray_view(found.ray, found.direction.label, epsilon)


@st.cache_resource(max_entries=32, show_spinner=False)
def plane(place: Place, heading: Heading, second: int) -> Region:
    """The plane of a direction and an eigendirection."""
    found = analysis(place, heading)
    other = eigen(found.spectrum, second)
    return region(found.state, found.direction.vector, other.vector)


@st.cache_resource(max_entries=64, show_spinner=False)
def drawn_region(place: Place, heading: Heading, second: int, epsilon: float) -> RegionView | None:
    """A plane sampled for its picture."""
    found = analysis(place, heading)
    labels = (found.direction.label, f"eigendirection {second + 1}")
    return region_view(
        plane(place, heading, second), labels, epsilon, found.certified_ball(epsilon)
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def sampled(place: Place, epsilon: float) -> Cloud:
    """Perturbations around the stable region."""
    here = state(place)
    return cloud(here, eigenpairs(place, min(PAIRS, here.readout.width)), epsilon)


def drawn_cloud(place: Place, epsilon: float, method: str) -> CloudView:
    """A cloud projected to two axes by PCA, at once, or by UMAP, with progress."""
    found, here = sampled(place, epsilon), state(place)

    def umap(report: Report) -> Any:
        report("Preparing UMAP: the first time, its code is compiled for half a minute", 0.0)
        return found.umap(lambda fraction: report("Projecting with UMAP", fraction))

    points = found.pca() if method == "PCA" else _embeddings.get((place, epsilon), umap)
    texts = [here.text(int(i)) for i in found.argmax]
    return CloudView(method, points, found, texts, COORDINATES if method == "PCA" else None)
