"""Cached results, keyed by ids and settings: nothing is computed twice, and no array is a key."""

import gc
from dataclasses import dataclass

import streamlit as st

from stability.analysis import Analysis, look, pairs_for
from stability.clouds import Cloud, cloud
from stability.directions import eigen
from stability.maps import TokenMap, token_map
from stability.models import LanguageModel, load
from stability.models.packaged import Report
from stability.regions import Region, region
from stability.spectra import Spectrum, spectrum
from stability.state import State
from stability.ui.jobs import Jobs
from stability.views import CloudView, RayView, RegionView, ray_view, region_view

PAIRS = 16


@dataclass(frozen=True)
class Place:
    """A model, a prompt and a position in it: what a state is captured from."""

    model: str
    prompt: str
    position: int


_models, _clouds = Jobs(max_entries=2), Jobs(max_entries=32)


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
def sensitivities(model: str, prompt: str) -> TokenMap:
    """The largest eigenvalue of every position."""
    return token_map(states(model, prompt))


@st.cache_resource(max_entries=128, show_spinner=False)
def eigenpairs(place: Place, k: int) -> Spectrum:
    """The spectrum at a place."""
    return spectrum(state(place), k)


def state(place: Place) -> State:
    """The state at a place."""
    return states(place.model, place.prompt)[place.position]


@st.cache_resource(max_entries=128, show_spinner=False)
def analysis(place: Place, direction: str) -> Analysis:
    """Everything along one direction."""
    here = state(place)
    pairs = eigenpairs(place, pairs_for(here, direction, PAIRS))
    return look(loaded(place.model), here, pairs, direction)


@st.cache_resource(max_entries=128, show_spinner=False)
def drawn_ray(place: Place, direction: str, epsilon: float) -> RayView | None:
    """A ray sampled for its picture."""
    found = analysis(place, direction)
    return ray_view(found.ray, found.direction.label, epsilon)


@st.cache_resource(max_entries=32, show_spinner=False)
def plane(place: Place, direction: str, second: int) -> Region:
    """The plane of a direction and an eigendirection."""
    found = analysis(place, direction)
    other = eigen(eigenpairs(place, PAIRS), second)
    return region(found.state, found.direction.vector, other.vector)


@st.cache_resource(max_entries=64, show_spinner=False)
def drawn_region(place: Place, direction: str, second: int, epsilon: float) -> RegionView | None:
    """A plane sampled for its picture."""
    found = analysis(place, direction)
    labels = (found.direction.label, f"eigendirection {second + 1}")
    return region_view(
        plane(place, direction, second), labels, epsilon, found.certified_ball(epsilon)
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def sampled(place: Place, epsilon: float) -> Cloud:
    """Perturbations around the stable region."""
    return cloud(state(place), eigenpairs(place, PAIRS), epsilon)


def drawn_cloud(place: Place, epsilon: float, method: str) -> CloudView:
    """A cloud projected to two axes."""

    def work(report: Report) -> CloudView:
        def progress(fraction: float) -> None:
            report("Projecting with UMAP", fraction)

        report("Preparing UMAP: the first time, its code is compiled for half a minute", 0.0)
        points = found.pca() if method == "PCA" else found.umap(progress)
        return CloudView(method, points, found, [here.text(int(i)) for i in found.argmax])

    found, here = sampled(place, epsilon), state(place)
    view: CloudView = _clouds.get((place, epsilon, method), work)
    return view
