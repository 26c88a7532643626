"""The tokens and one direction: the verdict, the numbers that matter first, and the ray."""

import streamlit as st

from stability.curvature.spectrum import Spectrum
from stability.figures.next_tokens import next_tokens_figure
from stability.figures.pushes import pushes_figure
from stability.figures.ray import ray_figure
from stability.figures.spectrum import spectrum_figure
from stability.geometry.analysis import Analysis
from stability.prediction.state import State
from stability.ui import wording
from stability.ui.choice import look_along
from stability.ui.pages.explore.result import Result
from stability.ui.widgets.figure import draw_figure
from stability.ui.widgets.numbers import headline
from stability.ui.widgets.token_strip import token_strip
from stability.views.ray import RayView


def draw_facts(result: Result) -> None:
    """The tokens, the verdict, and the numbers that matter first."""
    radii = [radius for radius in result.radii if radius is not None]
    token_strip(result.states[0].tokens, result.radii, result.notes, result.key.position)
    low, high = wording.number(min(radii, default=None)), wording.number(max(radii, default=None))
    # the strip shows the readout's radii; the Depth page shows those of all layers
    site = "" if result.key.site == "prelogit" else " at prelogit (other sites: page Depth)"
    st.caption(
        f"Shortest predicted radius{site}: {low} (dark) to {high} (light) "
        f"{result.unit.name}. Click, or use the arrow keys. {wording.strip(result.states[0].tokens)}"
    )
    if result.view is None:
        st.info("Along this direction the curvature is zero: there is no closed form to compare.")
        return
    st.markdown(f"**{wording.verdict(result.view, result.analysis.state.here.text)}**")
    distance = result.analysis.direction.distance
    if distance is not None:
        length = wording.number(result.unit.count(distance)) + result.unit.symbol
        st.caption(f"The other prompt's state lies at t = {length}.")
    headline(result.view)


def draw_ray(view: RayView, state: State) -> None:
    """The divergence along the direction, with the boundaries."""
    certainty = wording.certainty(view, state.readout.softcap)
    draw_figure(
        ray_figure(view),
        "ray",
        f"Solid: true divergence; dashed: the closed form. {certainty} Below: probabilities of the "
        "leading tokens along the same line.",
    )


def draw_side(analysis: Analysis) -> None:
    """The next tokens, the spectrum, and the meaning of the direction."""
    draw_figure(
        next_tokens_figure(analysis.state.most_likely(10)),
        "next",
        "The ten most likely next tokens.",
    )
    _draw_spectrum(analysis.spectrum, analysis.direction.rank)
    draw_figure(
        pushes_figure(*analysis.ray.pushed(5)),
        "pushes",
        "The meaning of the direction: tokens that gain most probability towards the + side, and "
        "those that lose most.",
    )


def _draw_spectrum(spectrum: Spectrum, rank: int | None) -> None:
    draw_figure(
        spectrum_figure(spectrum, rank),
        "spectrum",
        f"Click a bar to look along it. Effective rank {wording.number(spectrum.effective_rank)}; "
        f"these hold {wording.percent(float(spectrum.share.sum()))} of the trace.",
        on_click=lambda bar: look_along(int(bar["x"])),
    )
