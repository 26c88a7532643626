"""A visitor's prompts on the Calibration page: given, measured, and downloaded."""

from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from stability.defaults import MODELS
from stability.errors import StabilityError
from stability.sweeps.prompts import Prompt
from stability.text import counted
from stability.ui import wording
from stability.ui.cached import measurement
from stability.ui.cached.measurement import Outcomes, SweepRequest
from stability.ui.widgets.errors import show_error

# the command line takes any number
MOST_PROMPTS = 200


def measurements() -> pd.DataFrame | None:
    """The cases of a visitor's prompts, as far as they are measured; None without any."""
    _draw_form()
    request: SweepRequest | None = st.session_state.get("own_asked")
    if request is None:
        st.caption(
            "Every position takes some seconds: twelve directions, four ε, both sides. For "
            "thousands of prompts: `python -m stability sweep`."
        )
        return None
    if st.session_state.own_runs:
        _run(request)
    outcomes: Outcomes = dict(st.session_state.own_done)  # a prompt may still come in
    _draw_progress(request, outcomes)
    table = measurement.rows(outcomes)
    if not table.num_rows:
        return None
    st.caption(
        f"{len(outcomes)} of {counted(len(request.prompts), 'prompt')} on "
        f"{wording.plain(request.model)}, {counted(request.positions, 'position')} each, as they were "
        "asked for last."
    )
    _draw_downloads(table)
    return measurement.measured_cases(request, len(outcomes), table)


def _run(request: SweepRequest) -> None:
    """Measure the prompts that are left; the next run of a page that was left behind goes on."""
    try:
        st.session_state.own_done = measurement.measure(request, st.session_state.own_done, _stop)
    except StabilityError as error:
        show_error(error)
    _stop()


def _draw_form() -> None:
    """The prompts to measure; a mistake is answered here, and earlier measurements stay."""
    with st.form("own"):
        text, side = st.columns([3, 2])
        pasted = text.text_area("One prompt a line", key="own_text", height=170)
        file = side.file_uploader("or a file", ["txt", "jsonl", "csv", "parquet"], key="own_file")
        model = side.selectbox("Model", MODELS, key="own_model", accept_new_options=True)
        st.session_state.setdefault("own_positions", 2)
        positions = side.number_input("Positions a prompt", 1, 20, key="own_positions")
        if not st.form_submit_button("Measure", type="primary"):
            return
        try:
            request = SweepRequest(model or MODELS[0], _prompts(file, pasted), positions)
        except StabilityError as error:
            show_error(error)
            return
    if request != st.session_state.get("own_asked"):
        st.session_state.update(own_asked=request, own_done={})
    _start()


def _draw_progress(request: SweepRequest, outcomes: Outcomes) -> None:
    """A button to go on if some prompts are left, and the reasons of those that failed."""
    if len(outcomes) < len(request.prompts):
        left, right = st.columns([1, 5], vertical_alignment="center")
        left.button("Go on", on_click=_start)
        of = counted(len(request.prompts), "prompt")
        right.markdown(f"Stopped after {len(outcomes)} of {of}.")
    for number, prompt in enumerate(request.prompts, start=1):
        if isinstance(reason := outcomes.get(prompt.index), str):
            name = "" if prompt.id == str(prompt.index) else f" ({prompt.id})"
            st.warning(wording.plain(f"Prompt {number}{name}: {reason}"))


def _start() -> None:
    st.session_state.own_runs = True


def _stop() -> None:
    st.session_state.own_runs = False


def _prompts(file: Any, pasted: str) -> tuple[Prompt, ...]:
    """The prompts of a form; raises StabilityError where there are none, or too many."""
    if file is None and not pasted.strip():
        raise StabilityError("Nothing to measure yet: type a prompt a line, or choose a file.")
    if file and pasted.strip():
        raise StabilityError(
            f"Prompts come from one place; received both text and {file.name!r}: clear one of them."
        )
    name, data = (file.name, file.getvalue()) if file else ("pasted.txt", pasted.encode())
    prompts = measurement.read_upload(name, data)
    if len(prompts) > MOST_PROMPTS:
        raise StabilityError(
            f"At most {MOST_PROMPTS} prompts are measured here; received {len(prompts)}: use "
            "`python -m stability sweep` for more, which can be stopped and goes on."
        )
    return tuple(prompts)


def _draw_downloads(table: pa.Table) -> None:
    parquet = BytesIO()
    pq.write_table(table, parquet)
    left, right, _ = st.columns([1, 1, 4])
    left.download_button("Download CSV", table.to_pandas().to_csv(index=False), "stability.csv")
    right.download_button("Download Parquet", parquet.getvalue(), "stability.parquet")
