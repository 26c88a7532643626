"""The Calibration page: does the formula hold, over many prompts, and can it be made to?"""

from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.errors import StabilityError
from stability.ui import controls, words
from stability.ui.draw import draw
from stability.ui.resources import resource

if TYPE_CHECKING:
    import pandas as pd

    from stability.prompts import Prompt

SHIPPED = ("smollm2-135m", "gemma-3-270m")
OWN = "my prompts"
DRAWN = 2000  # points of a scatter
MOST = 200  # prompts that are measured here; the command line takes any number


def page() -> None:
    """Draw the page."""
    st.html(f"<style>{resource('page.css')}</style>")
    st.markdown("#### Does the formula hold?")
    if st.session_state.pop("opened", False):
        st.switch_page("app.py")
    source = st.segmented_control(
        "Measurements", [*SHIPPED, OWN], default=SHIPPED[0], required=True, key="measurements"
    )
    with st.spinner("Starting"):  # torch takes seconds
        import_module("stability.ui.measured")
    try:
        found = _own() if source == OWN else _shipped(source)
        if found is not None:
            _calibration(found)
        if source != OWN:
            _sources(source)
    except StabilityError as error:
        st.error(words.plain(str(error)))


def _shipped(model: str) -> "pd.DataFrame":
    from stability.ui import measured

    found = measured.shipped(model)
    places = found.groupby(["prompt_index", "position", "site"]).ngroups
    st.caption(
        f"{len(found):,} boundaries at {places} states of {found['prompt_index'].nunique()} prompts, "
        f"measured on {found['revision'].iloc[0]} and shipped with the app."
    )
    return found


def _calibration(found: "pd.DataFrame") -> None:
    """Filters, the scatter, and the scores of what is shown."""
    from stability.calibration import PREDICTORS

    shown = _filtered(found)
    if shown.empty:
        st.info("No boundary is left: widen the filters.")
        return
    left, right = st.columns([5, 4])
    with left:
        predictor = st.segmented_control(
            "Predictor", PREDICTORS, default=PREDICTORS[0], required=True, key="predictor"
        )
        _scatter(shown, predictor)
    with right:
        _scores(shown)


def _filtered(found: "pd.DataFrame") -> "pd.DataFrame":
    """The cases that the filters leave."""
    columns = st.columns([2, 3, 2, 3])
    site = columns[0].selectbox("Site", found["site"].unique(), key="shown_site")
    shown = found[found["site"] == site]
    levels = [f"{epsilon:.2g}" for epsilon in sorted(shown["epsilon"].unique())]
    chosen = columns[1].pills(
        "ε (nats)", levels, selection_mode="multi", default=levels[-1:], key="shown_epsilon"
    )
    kinds = columns[2].multiselect(
        "Directions", sorted(shown["kind"].unique()), placeholder="all kinds", key="shown_kinds"
    )
    low, high = columns[3].slider(
        "Entropy of the prediction (nats)", 0.0, 12.0, (0.0, 12.0), 0.1, key="shown_entropy"
    )
    kept = shown["epsilon"].map("{:.2g}".format).isin(chosen or levels)
    kept &= shown["kind"].isin(kinds or shown["kind"].unique())
    return shown[kept & shown["entropy"].between(low, high)]


def _scatter(shown: "pd.DataFrame", predictor: str) -> None:
    from stability.calibration import fit
    from stability.figures.calibration import scatter_figure

    known = shown[shown[predictor].notna()]
    if known.empty:
        st.info(f"At this site there is no {predictor}: nothing is certified below the readout.")
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
        controls.look_along_spec(row["direction"])
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


def _scores(shown: "pd.DataFrame") -> None:
    """The predictors side by side, as they are and calibrated."""
    from stability.ui import measured

    rows = [
        {
            "radius": name,
            "within 8 %": words.interval(own.within_8),
            "within 50 %": words.interval(own.within_50),
            "median error": words.interval(own.median_error),
        }
        for name, own in measured.scores(shown)
    ]
    st.markdown("**How many radii are right**")
    _table(rows)
    st.caption(
        f"Of {len(shown):,} boundaries from {shown['prompt_index'].nunique()} prompts. Calibrated: by "
        "an isotonic fit to other prompts. In brackets: 95 % bootstrap intervals over prompts. The "
        "certified inner radius also knows the steepest slope; the four moments know two more "
        "cumulants and both extreme slopes, and bracket the boundary between two laws."
    )


def _table(rows: list[dict[str, str]]) -> None:
    """A table whose long cells are wrapped; the first column names the rows."""
    import pandas as pd

    shown = pd.DataFrame(rows)
    st.table(shown.map(words.plain).set_index(shown.columns[0]))


def _sources(model: str) -> None:
    """What the sources claim, beside ours."""
    from stability.ui import measured

    st.markdown("**What the sources claim, and what was measured here**")
    rows = [
        {
            "quantity": one.quantity,
            "here": one.value,
            "source": one.source or "–",
            "setting": one.setting,
        }
        for one in measured.findings(model)
    ]
    _table(rows)
    st.caption(
        "The same as a page with figures: assets/results/README.md; made by `python -m stability "
        "reproduce`."
    )


def _own() -> "pd.DataFrame | None":
    """A visitor's prompts: given, measured, and taken away again."""
    from stability.ui import measured

    with st.form("own"):
        text, side = st.columns([3, 2])
        pasted = text.text_area("One prompt a line", key="own_text", height=170)
        file = side.file_uploader("or a file", ["txt", "jsonl", "csv", "parquet"], key="own_file")
        model = side.selectbox("Model", controls.MODELS, key="own_model", accept_new_options=True)
        positions = side.number_input("Positions a prompt", 1, 20, 2, key="own_positions")
        if st.form_submit_button("Measure", type="primary"):
            st.session_state.own_asked = (model, _prompts(file, pasted), positions)
    asked = st.session_state.get("own_asked")
    if asked is None:
        st.caption(
            "Every position takes about a second: twelve directions, four ε, both sides. For "
            "thousands of prompts: `python -m stability sweep`."
        )
        return None

    def withdraw() -> None:
        st.session_state.own_asked = None

    model, prompts, positions = asked
    table, failed = measured.own(model, prompts, positions, withdraw)
    for prompt, reason in failed:
        st.warning(words.plain(f"Prompt {prompt.id}: {reason}"))
    if not table.num_rows:
        return None
    _downloads(table)
    return measured.own_cases(repr(asked), table)


def _prompts(file: Any, pasted: str) -> "list[Prompt]":
    """The prompts of a form; raises StabilityError where there are none, or too many."""
    from stability.ui import measured

    if file is None and not pasted.strip():
        raise StabilityError("Nothing to measure yet: type a prompt a line, or choose a file.")
    name, data = (file.name, file.getvalue()) if file else ("pasted.txt", pasted.encode())
    prompts = measured.read_upload(name, data)
    if len(prompts) > MOST:
        raise StabilityError(
            f"At most {MOST} prompts are measured here; received {len(prompts)}: use `python -m "
            "stability sweep` for more, which can be stopped and goes on."
        )
    return prompts


def _downloads(table: Any) -> None:
    import pyarrow.parquet as pq

    parquet = BytesIO()
    pq.write_table(table, parquet)
    left, right, _ = st.columns([1, 1, 4])
    left.download_button("Download CSV", table.to_pandas().to_csv(index=False), "stability.csv")
    right.download_button("Download Parquet", parquet.getvalue(), "stability.parquet")
