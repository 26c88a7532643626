"""A plane or a cloud of perturbations, and all the numbers: a scroll below the ray."""

import streamlit as st

from stability.errors import StabilityError
from stability.figures.cloud import cloud_figure
from stability.figures.region import region_figure
from stability.geometry.analysis import Analysis
from stability.ui.cached import calibration, explore
from stability.ui.glossary import GLOSSARY
from stability.ui.pages.explore.result import Result
from stability.ui.widgets.controls import choose_second_axis
from stability.ui.widgets.errors import show_warning
from stability.ui.widgets.figure import draw_figure
from stability.ui.widgets.numbers import everything
from stability.views.ray import RayView


def draw(result: Result, view: RayView) -> None:
    """The region or the cloud at the left, the numbers and the words at the right."""
    left, right = st.columns(2)
    with right:
        _draw_numbers(result.analysis, view)
        with st.expander("What the words mean"):
            st.markdown(GLOSSARY)
    with left:
        kind_column, axis_column = st.columns([3, 2])
        kind = kind_column.segmented_control(
            "In the plane",
            ["region", "cloud, PCA", "cloud, UMAP"],
            default="region",
            required=True,
            key="picture",
        )
        if kind == "region":
            with axis_column:
                count = len(result.analysis.spectrum.eigenvalues)
                second = choose_second_axis(result.choice.direction, count)
            _draw_region(result, second)
        else:
            _draw_cloud(result, kind.removeprefix("cloud, "))


def _draw_numbers(analysis: Analysis, view: RayView) -> None:
    """All the numbers; damaged results are said where the calibrated rows would stand."""
    try:
        calibrated = calibration.calibrated(analysis, view.epsilon)
    except StabilityError as error:
        everything(analysis, view, None)
        show_warning(error)
    else:
        everything(analysis, view, calibrated)


def _draw_region(result: Result, second: int) -> None:
    choice = result.choice
    with st.spinner("Running the network across the plane", show_time=True):
        view = explore.drawn_region(result.key, choice.direction, second, choice.epsilon)
    if view is None:
        st.info("This plane has a direction without curvature: there is no closed region.")
        return
    draw_figure(
        region_figure(view.measured_in(result.unit)),
        "region",
        "The true edge of the stable region and its ellipse; lines and names: cells of the most "
        "likely token"
        + ("; grey disc: certified for every direction." if view.ball else ".")
        + (" The region is longer than the view." if view.is_cut else ""),
    )


def _draw_cloud(result: Result, method: str) -> None:
    view = explore.drawn_cloud(result.key, result.choice.epsilon, method)
    draw_figure(
        cloud_figure(view.measured_in(result.unit)),
        "cloud",
        "Perturbations up to twice the predicted boundary over the top eight eigendirections; "
        "colour: KL/ε, shape: most likely token.",
    )
