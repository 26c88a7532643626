"""A visitor's prompts on the Calibration page: given, measured, and downloaded."""

import csv
from collections.abc import Mapping
from io import BytesIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import streamlit as st

from stability.errors import StabilityError, StoppedError
from stability.sweeps.measurement import Outcome, all_rows
from stability.text import counted
from stability.ui import wording
from stability.ui.cached.measurement import (
    Measurement,
    SweepRequest,
    measured_cases,
    measurement_of,
)
from stability.ui.pages.calibration.given_prompts import given_prompts
from stability.ui.uploads import SMALL
from stability.ui.widgets.errors import show_error


def measurements(model: str) -> pd.DataFrame | None:
    """The cases of a visitor's prompts, as far as they are measured; None without any."""
    _draw_form(model)
    measurement: Measurement | None = st.session_state.get("my_prompts")
    if measurement is None:
        st.caption(
            "Every position takes some seconds: twelve directions, four ε, both sides. For "
            "thousands of prompts: `python -m stability sweep`."
        )
        return None
    if st.session_state.my_prompts_run:
        _run(measurement)
    # a copy: a prompt may still come in
    request, outcomes = measurement.request, measurement.outcomes
    _draw_progress(request, outcomes)
    table = all_rows(outcomes.values())
    if not table.num_rows:
        return None
    st.caption(
        f"{len(outcomes)} of {counted(len(request.prompts), 'prompt')} on "
        f"{wording.plain(request.model)}, {counted(request.positions, 'position')} each, as they were "
        "asked for last."
    )
    _draw_downloads(table)
    return measured_cases(request, len(outcomes), table)


def _run(measurement: Measurement) -> None:
    """Measure the prompts that are left; the next run of a page that was left behind goes on."""
    try:
        measurement.run(_stop)
    except StoppedError:
        pass  # the button to go on says so
    except StabilityError as error:
        show_error(error)
    _stop()


def _draw_form(model: str) -> None:
    """The prompts to measure on a model; a mistake is answered here, and earlier measurements stay."""
    with st.form("my_prompts_form"):
        text, side = st.columns([3, 2])
        pasted = text.text_area("One prompt a line", key="my_prompts_text", height=170)
        file = side.file_uploader(
            "or a file",
            ["txt", "jsonl", "csv", "parquet"],
            key="my_prompts_file",
            max_upload_size=SMALL,
        )
        st.session_state.setdefault("my_prompts_positions", 2)
        positions = side.number_input("Positions a prompt", 1, 20, key="my_prompts_positions")
        if not st.form_submit_button("Measure", type="primary"):
            return
        try:
            request = SweepRequest(model, given_prompts(file, pasted), positions)
        except StabilityError as error:
            show_error(error)
            return
    st.session_state.my_prompts = measurement = measurement_of(request)
    measurement.forget_failures()
    _start()


def _draw_progress(request: SweepRequest, outcomes: Mapping[int, Outcome]) -> None:
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
    st.session_state.my_prompts_run = True


def _stop() -> None:
    st.session_state.my_prompts_run = False


def _draw_downloads(table: pa.Table) -> None:
    parquet = BytesIO()
    pq.write_table(table, parquet)
    left, right, _ = st.columns([1, 1, 4])
    # Python 3.11 would leave a token that is a carriage return bare, which ends a row for its readers
    rows = table.to_pandas().to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    left.download_button("Download CSV", rows, "stability.csv")
    right.download_button("Download Parquet", parquet.getvalue(), "stability.parquet")
