"""Predicted against actual radii; a click opens the case in Explore."""

from typing import Any

import pandas as pd
import streamlit as st

from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.evaluation.calibration import fits
from stability.figures.calibration import scatter_figure
from stability.prediction.conversation import Conversation
from stability.ui.choice import look_along_choice, look_at, open_explore
from stability.ui.widgets.figure import draw_figure

SCATTER_POINTS = 2000


def draw_scatter(shown: pd.DataFrame, predictor: str) -> None:
    """Draw the cases that have a radius by the predictor."""
    known = shown[shown[predictor].notna()]
    if known.empty:
        st.info(
            f"Nothing is certified at this site, so there is no radius by {predictor}: choose the "
            "closed form, or the site prelogit."
        )
        return
    curves = {
        f"isotonic, ε = {epsilon:.2g}": curve for epsilon, curve in fits(known, predictor).items()
    }
    drawn = known.sample(min(SCATTER_POINTS, len(known)), random_state=0)
    draw_figure(
        scatter_figure(drawn, predictor, curves, "units of the vector"),
        "scatter",
        f"{len(drawn):,} of {len(known):,} boundaries, log–log. On the dashed line the prediction is "
        "right; the solid line is its isotonic calibration. Click a point to open it in Explore.",
        on_click=lambda point: _open_case(shown.loc[int(point["customdata"][0])]),
    )


def _open_case(case: "pd.Series[Any]") -> None:
    if _is_conversation(case["prompt"]):
        st.toast(
            "This case is a conversation: say its turns in Explore, with the switch As a chat."
        )
        return
    look_at(case["site"])
    look_along_choice(DirectionSpec.parse(case["direction"]))
    st.session_state.update(
        model=case["model"],
        prompt=case["prompt"],
        chat=False,
        position=int(case["position"]),
        epsilon=float(f"{case['epsilon']:.2g}"),
    )
    open_explore()


def _is_conversation(prompt: str) -> bool:
    """Whether a sweep's prompt is the written form of a conversation."""
    try:
        return str(Conversation.parse(prompt)) == prompt
    except StabilityError:
        return False
