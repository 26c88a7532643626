"""The Calibration page: does the formula hold, over many prompts, and can it be made to?"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import MODELS
from stability.errors import StabilityError
from stability.text import counted
from stability.ui import wording
from stability.ui.widgets import controls
from stability.ui.widgets.figure import draw
from stability.ui.widgets.resources import resource

if TYPE_CHECKING:
    import pandas as pd

    from stability.evaluation.scores import Score

OWN = "my prompts"
DRAWN = 2000  # points of a scatter
PREDICTOR = "predictor"


def page() -> None:
    """Draw the page."""
    st.html(f"<style>{resource('page.css')}</style>")
    st.markdown("#### Does the formula hold?")
    if st.session_state.pop("opened", False):
        st.switch_page("app.py")
    source = _one_of("Measurements", (*MODELS, OWN), "measurements")
    with st.spinner("Starting"):  # torch takes seconds
        import_module("stability.ui.cached.calibration")
    from stability.ui.pages import own_prompts

    try:
        found = own_prompts.measurements() if source == OWN else _shipped(source)
        if found is not None:
            _calibration(found)
        if source != OWN:
            _sources(source)
    except StabilityError as error:
        st.error(wording.plain(str(error)))


def _one_of(label: str, options: Sequence[str], key: str) -> str:
    """One of some options: the first, or what was chosen when the page was last open."""
    st.session_state.setdefault(key, options[0])
    st.segmented_control(label, options, required=True, key=key)
    return str(st.session_state[key])


def _shipped(model: str) -> "pd.DataFrame":
    from stability.ui.cached import calibration

    found = calibration.shipped(model)
    places = found.groupby(["prompt_index", "position", "site"]).ngroups
    st.caption(
        f"{len(found):,} boundaries at {places} states of {found['prompt_index'].nunique()} prompts, "
        f"measured on {found['revision'].iloc[0]} and shipped with the app."
    )
    return found


def _calibration(found: "pd.DataFrame") -> None:
    """Filters, the scatter, and the scores of what is shown."""
    from stability.evaluation.calibration import PREDICTORS

    kept, site = _filtered(found)
    shown = kept[kept["site"] == site]
    if shown.empty:
        st.info("No boundary is left: widen the filters.")
        return
    left, right = st.columns([5, 4])
    with left:
        predictor = _one_of("Predictor", PREDICTORS, "predictor")
        _scatter(shown, predictor)
    with right:
        _scores(kept, shown, predictor)


def _filtered(found: "pd.DataFrame") -> "tuple[pd.DataFrame, str]":
    """The cases that the filters leave at all sites, and the site that is shown."""
    columns = st.columns([2, 3, 2, 3])
    site = columns[0].selectbox("Site", found["site"].unique(), key="shown_site")
    levels = [f"{epsilon:.2g}" for epsilon in sorted(found["epsilon"].unique())]
    st.session_state.setdefault("shown_epsilon", levels[-1:])
    chosen = columns[1].pills("ε (nats)", levels, selection_mode="multi", key="shown_epsilon")
    kinds = columns[2].multiselect(
        "Directions", sorted(found["kind"].unique()), placeholder="all kinds", key="shown_kinds"
    )
    st.session_state.setdefault("shown_entropy", (0.0, 12.0))
    columns[3].slider("Entropy of the prediction (nats)", 0.0, 12.0, step=0.1, key="shown_entropy")
    low, high = st.session_state.shown_entropy
    kept = found["epsilon"].map("{:.2g}".format).isin(chosen or levels)
    kept &= found["kind"].isin(kinds or found["kind"].unique())
    return found[kept & found["entropy"].between(low, high)], site


def _scatter(shown: "pd.DataFrame", predictor: str) -> None:
    from stability.evaluation.calibration import fit
    from stability.figures.calibration import scatter_figure

    known = shown[shown[predictor].notna()]
    if known.empty:
        st.info(f"Nothing is certified below the readout, and nothing known by {predictor}.")
        return
    curves = {
        f"isotonic, ε = {epsilon:.2g}": fit(
            part[predictor].to_numpy(float), part["actual"].to_numpy(float)
        )
        for epsilon, part in known.groupby("epsilon")
    }
    drawn = known.sample(min(DRAWN, len(known)), random_state=0)

    def opened(point: dict[str, Any]) -> None:
        row = shown.loc[int(point["customdata"][0])]
        controls.look_at(row["site"])
        controls.look_along_spec(DirectionSpec.parse(row["direction"]))
        st.session_state.update(
            model=row["model"],
            prompt=row["prompt"],
            position=int(row["position"]),
            epsilon=float(f"{row['epsilon']:.2g}"),
            opened=True,
        )

    draw(
        scatter_figure(drawn, predictor, curves, "units of the vector"),
        "scatter",
        f"{len(drawn):,} of {len(known):,} boundaries, log–log. On the dashed line the prediction is "
        "right; the solid line is its isotonic calibration. Click a point to open it in Explore.",
        on_click=opened,
    )


def _scores(kept: "pd.DataFrame", shown: "pd.DataFrame", predictor: str) -> None:
    """How many radii are right: the predictors side by side, or one of them part by part."""
    from stability.evaluation.scores import BY
    from stability.ui.cached import calibration

    st.markdown("**How many radii are right**")
    by = _one_of("Scores by", (PREDICTOR, *BY), "scores_by")
    cases = kept if by == "site" else shown
    if by == PREDICTOR:
        _table([_row(name, own) for name, own in calibration.scores(shown)])
    else:
        _table([_row(name, own) for name, own in calibration.scores_by(by, cases, predictor)])
    st.caption(
        f"Of {len(cases):,} boundaries from {counted(cases['prompt_index'].nunique(), 'prompt')}"
        + (", at all sites. " if by == "site" else ". ")
        + "Calibrated: by "
        "an isotonic fit to other prompts. In brackets: 95 % bootstrap intervals over prompts. The "
        "certified inner radius also knows the steepest slope; the four moments know two more "
        "cumulants, both extreme slopes and what single tokens guarantee: a bracket, whose "
        "geometric mean is taken. Boundaries that are not reached are left out."
    )


def _row(name: str, own: "Score") -> dict[str, str]:
    return {
        "radius": name,
        "within 8 %": own.within_8.spelled(),
        "within 50 %": own.within_50.spelled(),
        "median error": own.median_error.spelled(),
    }


def _table(rows: list[dict[str, str]]) -> None:
    """A table whose long cells are wrapped; the first column names the rows."""
    import pandas as pd

    shown = pd.DataFrame(rows)
    st.table(shown.map(wording.plain).set_index(shown.columns[0]))


def _sources(model: str) -> None:
    """What the sources claim, beside ours."""
    from stability.ui.cached import calibration

    st.markdown("**What the sources claim, and what was measured here**")
    for one in calibration.claims(model):
        what, here, source = st.columns([6, 3, 4])
        what.markdown(wording.plain(one.quantity))
        what.caption(wording.plain(one.setting))
        here.markdown(f"**{wording.plain(one.value)}**")
        source.caption(wording.plain(one.source or "no claim of a source"))
    st.caption(
        "The same as a page with figures: assets/results/README.md; made by `python -m stability "
        "reproduce`."
    )
