"""The Calibration page: shipped results or a visitor's prompts, filtered, drawn and scored.

Modules that bring torch or pandas are imported once the first control is drawn.
"""

from typing import TYPE_CHECKING

import streamlit as st

from stability.curvature.direction_spec import NAMES
from stability.defaults import MODELS
from stability.ui.glossary import CALIBRATION_WORDS, GLOSSARY
from stability.ui.imports import imported
from stability.ui.kept import within
from stability.ui.link import Page
from stability.ui.link_fields import ends, one_of, several, text
from stability.ui.prompt_link import MODEL
from stability.ui.widgets.controls import choose_one
from stability.ui.widgets.model_picker import choose_model

if TYPE_CHECKING:
    import pandas as pd

MY_PROMPTS = "my prompts"
MOST_ENTROPY = 12.0  # nats
PAGE = Page(
    "Calibration",
    (
        MODEL,
        one_of("measurements", (*MODELS, MY_PROMPTS)),
        text("shown_site", "prelogit"),
        several("shown_epsilon"),
        several("shown_kinds"),
        ends("shown_entropy", (0.0, MOST_ENTROPY)),
        text("predictor", "closed form"),
        text("scores_by", "predictor"),
    ),
)


def draw() -> None:
    """Draw the page."""
    source = choose_one("Measurements", (*MODELS, MY_PROMPTS), "measurements")
    with st.spinner("Starting"):  # torch takes seconds
        imported("stability.ui.pages.calibration.scores")
    if source == MY_PROMPTS:
        my_prompts = imported("stability.ui.pages.calibration.my_prompts")
        with st.sidebar:
            model = choose_model()
        cases = my_prompts.measurements(model)
        if cases is not None:
            _draw_cases(cases)
    else:
        from stability.ui.pages.calibration.claims import draw_claims

        _draw_cases(_shipped(source))
        draw_claims(source)
    with st.expander("What the words mean"):
        st.markdown(CALIBRATION_WORDS + GLOSSARY)


def _shipped(model: str) -> "pd.DataFrame":
    """The shipped cases of a model, with a line that says what they are."""
    from stability.ui.cached.calibration import shipped

    cases = shipped(model)
    states = cases.groupby(["prompt_index", "position", "site"]).ngroups
    st.caption(
        f"{len(cases):,} boundaries at {states} states of {cases['prompt_index'].nunique()} prompts, "
        f"measured on {cases['revision'].iloc[0]} and shipped with the app."
    )
    return cases


def _draw_cases(cases: "pd.DataFrame") -> None:
    """Filters, the scatter, and the scores of the cases shown."""
    from stability.evaluation.calibration import PREDICTORS
    from stability.ui.pages.calibration.scatter import draw_scatter
    from stability.ui.pages.calibration.scores import draw_scores

    at_all_sites, site = _filter(cases)
    shown = at_all_sites[at_all_sites["site"] == site]
    if shown.empty:
        st.info("No boundary is left: widen the filters.")
        return
    left, right = st.columns([5, 4])
    with left:
        predictor = choose_one("Predictor", PREDICTORS, "predictor")
        draw_scatter(shown, predictor)
    with right:
        draw_scores(at_all_sites, shown, predictor)


def _filter(cases: "pd.DataFrame") -> "tuple[pd.DataFrame, str]":
    """The cases that the filters leave at all sites, and the site that is shown."""
    columns = st.columns([2, 3, 2, 3])
    within("shown_site", cases["site"].unique())
    site = columns[0].selectbox("Site", cases["site"].unique(), key="shown_site")
    levels = [f"{epsilon:.2g}" for epsilon in sorted(cases["epsilon"].unique())]
    within("shown_epsilon", levels)
    within("shown_kinds", cases["kind"].unique())
    st.session_state.setdefault("shown_epsilon", levels[-1:])
    chosen = columns[1].pills("ε (nats)", levels, selection_mode="multi", key="shown_epsilon")
    kinds = columns[2].multiselect(
        "Directions",
        sorted(cases["kind"].unique()),
        placeholder="all kinds",
        key="shown_kinds",
        format_func=lambda kind: NAMES.get(kind, kind),
    )
    st.session_state.setdefault("shown_entropy", (0.0, MOST_ENTROPY))
    columns[3].slider(
        "Entropy of the prediction (nats)", 0.0, MOST_ENTROPY, step=0.1, key="shown_entropy"
    )
    low, high = st.session_state.shown_entropy
    kept = cases["epsilon"].map("{:.2g}".format).isin(chosen or levels)
    kept &= cases["kind"].isin(kinds or cases["kind"].unique())
    return cases[kept & cases["entropy"].between(low, high)], site
