"""The share of radii that are right: predictors side by side, or one of them part by part."""

import pandas as pd
import streamlit as st

from stability.evaluation.scores import BY, Score
from stability.text import counted
from stability.ui import wording
from stability.ui.cached import calibration
from stability.ui.widgets.controls import choose_one

PREDICTOR = "predictor"


def draw_scores(at_all_sites: pd.DataFrame, shown: pd.DataFrame, predictor: str) -> None:
    """Draw the table of scores; those by site are of the cases at all sites."""
    st.markdown("**How many radii are right**")
    by = choose_one("Scores by", (PREDICTOR, *BY), "scores_by")
    cases = at_all_sites if by == "site" else shown
    if by == PREDICTOR:
        scores = calibration.scores(cases)
    else:
        cases = cases[cases[predictor].notna()]
        scores = calibration.scores_by(by, cases, predictor)
    table = pd.DataFrame([_row(name, score) for name, score in scores])
    st.table(table.map(wording.literal).set_index(table.columns[0]))
    st.caption(
        f"Of {len(cases):,} boundaries from {counted(cases['prompt_index'].nunique(), 'prompt')}"
        + (", at every site where the predictor gives a radius. " if by == "site" else ". ")
        + "In brackets: 95 % intervals. Boundaries that are not reached are left out. The radii are "
        "explained under *What the words mean*."
    )


def _row(name: str, score: Score) -> dict[str, str]:
    return {
        "radius": name,
        "within 8 %": score.within_8.spelled(),
        "within 50 %": score.within_50.spelled(),
        "median error": score.median_error.spelled(),
    }
