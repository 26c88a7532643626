"""The Explore page: controls → results → figures."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from stability.errors import StabilityError
from stability.ui import wording
from stability.ui.widgets import first_picture
from stability.ui.widgets.controls import Choice, choose, is_missing, look_along, second_axis
from stability.ui.widgets.figure import draw
from stability.ui.widgets.resources import resource

if TYPE_CHECKING:  # torch comes with these: what needs it is imported once the page has begun
    from stability.geometry.analysis import Analysis
    from stability.prediction.state import State
    from stability.ui.cached.explore import Place
    from stability.units import Unit
    from stability.views.ray import RayView


@dataclass(frozen=True, eq=False)
class Result:
    """What is known for a choice; `view` is None in a direction without curvature."""

    choice: Choice
    states: "tuple[State, ...]"
    place: "Place"
    radii: list[float | None]
    notes: list[str]
    unit: "Unit"
    analysis: "Analysis"
    view: "RayView | None"


def page() -> None:
    """Draw the page; bad input is answered in one sentence, and the last good picture stays."""
    st.html(f"<style>{resource('page.css')}</style>")
    st.markdown("#### Stable regions of a language model's prediction")
    choice = choose()
    left, right = st.columns([5, 3])
    with left:
        facts, picture = st.container(), st.container(key="main_picture")
    shipped = choice == first_picture.CHOICE
    if shipped:
        with picture:
            first_picture.show()
    with facts:
        result = _result(choice)
        if result is None:
            return
        _facts(result)
    if shipped and not first_picture.is_painted():
        return
    if result.view is not None:
        with picture:
            _ray(result.view)
    with right:
        _side(result)
    if result.view is not None:
        _plane(result, result.view)


def _result(choice: Choice) -> Result | None:
    """The result, or after a sentence of what is wrong the last one that could be computed."""
    if is_missing(choice.heading):
        st.info(
            "Upload a .npy or JSON file with a vector, or paste a JSON list of numbers, at the left."
        )
    else:
        try:
            result = _compute(choice)
            st.session_state.good = choice
            return result
        except StabilityError as error:
            st.error(wording.plain(str(error)))
            st.toast("Something is wrong with what is set: see the top of the page.")
    good = st.session_state.get("good")
    if good is None:
        return None
    st.caption("Still showing the last result that could be computed.")
    return _compute(good)


def _compute(choice: Choice) -> Result:
    slot = st.empty()
    if "torch" not in sys.modules:
        slot.progress(0.0, "Starting: loading torch and transformers")
    from stability.ui.cached import explore

    slot.empty()
    states = explore.states(choice.model, choice.prompt)
    last = len(states) - 1
    position = choice.position if 0 <= choice.position <= last else last
    place = explore.Place(choice.model, choice.prompt, position, choice.site)
    units = explore.units(choice.model, choice.prompt, choice.relative)
    sensitivities = explore.sensitivities(choice.model, choice.prompt)
    with slot, st.spinner("Running the network above the site", show_time=True):
        view = explore.drawn_ray(place, choice.heading, choice.epsilon)
    unit = explore.units(choice.model, choice.prompt, choice.relative, choice.site)[position]
    return Result(
        choice,
        states,
        place,
        [u.count(s.radius(choice.epsilon)) for u, s in zip(units, sensitivities, strict=True)],
        explore.notes(choice.model, choice.prompt, choice.relative, choice.epsilon),
        unit,
        explore.analysis(place, choice.heading),
        view and view.measured_in(unit),
    )


def _facts(result: Result) -> None:
    """The tokens, the verdict, and the numbers that matter first."""
    from stability.ui.widgets.numbers import headline
    from stability.ui.widgets.token_strip import token_strip

    radii = [radius for radius in result.radii if radius is not None]
    token_strip(result.states[0].tokens, result.radii, result.notes, result.place.position)
    low, high = wording.number(min(radii, default=None)), wording.number(max(radii, default=None))
    st.caption(
        f"Shortest predicted radius{_where(result)}: {low} (dark) to {high} (light) "
        f"{result.unit.name}. Click, or use the arrow keys."
    )
    if result.view is None:
        st.info("Along this direction the curvature is zero: there is no closed form to compare.")
        return
    st.markdown(f"**{wording.verdict(result.view, result.analysis.state.here.text)}**")
    distance = result.analysis.direction.distance
    if distance is not None:
        there = wording.number(result.unit.count(distance)) + result.unit.symbol
        st.caption(f"The other prompt's state lies at t = {there}.")
    headline(result.view)


def _where(result: Result) -> str:
    """The strip shows the readout's radii; the Depth page shows those of all layers."""
    return "" if result.choice.site == "prelogit" else " at prelogit (other sites: page Depth)"


def _ray(view: "RayView") -> None:
    from stability.figures.ray import ray_figure

    certified = (
        "Each boundary lies in its grey band, certified."
        if view.certificate
        else "Boundaries are first crossings; nothing is certified at this site."
    )
    draw(
        ray_figure(view),
        "ray",
        f"Solid: true divergence; dashed: the closed form. {certified} Below: probabilities of the "
        "leading tokens along the same line.",
    )


def _side(result: Result) -> None:
    """What comes next, the spectrum, and what the direction means."""
    from stability.figures.next_tokens import next_tokens_figure
    from stability.figures.pushes import pushes_figure

    draw(
        next_tokens_figure(result.analysis.state.most_likely(10)),
        "next",
        "The ten most likely next tokens.",
    )
    _spectrum(result.analysis)
    draw(
        pushes_figure(*result.analysis.ray.pushed(5)),
        "pushes",
        "What the direction means: tokens that gain probability on the + side, and that lose.",
    )


def _spectrum(found: "Analysis") -> None:
    from stability.figures.spectrum import spectrum_figure

    draw(
        spectrum_figure(found.spectrum, found.direction.rank),
        "spectrum",
        "Click a bar to look along it. Effective rank "
        f"{wording.number(found.spectrum.effective_rank)}; "
        f"these hold {wording.percent(float(found.spectrum.share.sum()))} of the trace.",
        on_click=lambda bar: look_along(int(bar["x"])),
    )


def _plane(result: Result, view: "RayView") -> None:
    """The region or the cloud, and all the numbers: a scroll away."""
    from stability.ui.cached import calibration
    from stability.ui.widgets.numbers import everything

    left, right = st.columns(2)
    with right:
        epsilon = result.choice.epsilon
        everything(result.analysis, view, calibration.calibrated(result.analysis, epsilon))
        with st.expander("What the words mean"):
            st.markdown(wording.GLOSSARY)
    with left:
        what, axis = st.columns([3, 2])
        picture = what.segmented_control(
            "In the plane",
            ["region", "cloud, PCA", "cloud, UMAP"],
            default="region",
            required=True,
            key="picture",
        )
        if picture == "region":
            with axis:
                second = second_axis(
                    result.choice.heading, len(result.analysis.spectrum.eigenvalues)
                )
            _region(result, second)
        else:
            _cloud(result, picture.removeprefix("cloud, "))


def _region(result: Result, second: int) -> None:
    from stability.figures.region import region_figure
    from stability.ui.cached import explore

    choice = result.choice
    with st.spinner("Running the network across the plane", show_time=True):
        view = explore.drawn_region(result.place, choice.heading, second, choice.epsilon)
    if view is None:
        st.info("This plane has a direction without curvature: there is no closed region.")
        return
    draw(
        region_figure(view.measured_in(result.unit)),
        "region",
        "The true edge of the stable region and its ellipse; lines and names: cells of the most "
        "likely token"
        + ("; grey disc: certified for every direction." if view.ball else ".")
        + (" The region is longer than the view." if view.is_cut else ""),
    )


def _cloud(result: Result, method: str) -> None:
    from stability.figures.cloud import cloud_figure
    from stability.ui.cached import explore

    view = explore.drawn_cloud(result.place, result.choice.epsilon, method)
    draw(
        cloud_figure(view.measured_in(result.unit)),
        "cloud",
        "Perturbations up to twice the predicted boundary over the top eight eigendirections; "
        "colour: KL/ε, shape: most likely token.",
    )
