"""A visitor's own prompts on the Calibration page: given, measured, and taken away again."""

from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from stability.defaults import MODELS
from stability.errors import StabilityError
from stability.sweeps.prompts import Prompt
from stability.text import counted
from stability.ui import wording
from stability.ui.cached import calibration
from stability.ui.cached.calibration import Asked, Outcomes

MOST = 200  # prompts that are measured here; the command line takes any number


def measurements() -> pd.DataFrame | None:
    """The cases of a visitor's prompts, as far as they are measured; None without any."""
    _form()
    asked: Asked | None = st.session_state.get("own_asked")
    if asked is None:
        st.caption(
            "Every position takes some seconds: twelve directions, four ε, both sides. For "
            "thousands of prompts: `python -m stability sweep`."
        )
        return None
    if st.session_state.own_runs:
        _run(asked)
    done: Outcomes = dict(st.session_state.own_done)  # a prompt may still come in
    if len(done) < len(asked.prompts):
        left, right = st.columns([1, 5], vertical_alignment="center")
        left.button("Go on", on_click=_start)
        right.markdown(f"Stopped after {len(done)} of {counted(len(asked.prompts), 'prompt')}.")
    for number, prompt in enumerate(asked.prompts, start=1):
        if isinstance(reason := done.get(prompt.index), str):
            name = "" if prompt.id == str(prompt.index) else f" ({prompt.id})"
            st.warning(wording.plain(f"Prompt {number}{name}: {reason}"))
    table = calibration.rows(done)
    if not table.num_rows:
        return None
    st.caption(
        f"{len(done)} of {counted(len(asked.prompts), 'prompt')} on {wording.plain(asked.model)}, "
        f"{counted(asked.positions, 'position')} each, as they were asked for last."
    )
    _downloads(table)
    return calibration.own_cases(asked, len(done), table)


def _run(asked: Asked) -> None:
    """Measure what is left; a page that is left behind goes on when it is opened again."""
    try:
        st.session_state.own_done = calibration.own(asked, st.session_state.own_done, _stop)
    except StabilityError as error:
        st.error(wording.plain(str(error)))
    _stop()


def _form() -> None:
    """What to measure; a mistake is answered here, and what was measured before stays."""
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
            asked = Asked(model or MODELS[0], _prompts(file, pasted), positions)
        except StabilityError as error:
            st.error(wording.plain(str(error)))
            return
    if asked != st.session_state.get("own_asked"):
        st.session_state.update(own_asked=asked, own_done={})
    _start()


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
    prompts = calibration.read_upload(name, data)
    if len(prompts) > MOST:
        raise StabilityError(
            f"At most {MOST} prompts are measured here; received {len(prompts)}: use `python -m "
            "stability sweep` for more, which can be stopped and goes on."
        )
    return tuple(prompts)


def _downloads(table: Any) -> None:
    parquet = BytesIO()
    pq.write_table(table, parquet)
    left, right, _ = st.columns([1, 1, 4])
    left.download_button("Download CSV", table.to_pandas().to_csv(index=False), "stability.csv")
    right.download_button("Download Parquet", parquet.getvalue(), "stability.parquet")
