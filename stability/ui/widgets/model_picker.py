"""The model: its name in the side bar, and the dialog to choose another one."""

from typing import Any

import streamlit as st

from stability.defaults import MODELS
from stability.errors import StabilityError
from stability.ui import model_session as session
from stability.ui import uploads
from stability.ui.cached.models import is_loaded, loaded
from stability.ui.model_choice import ModelChoice
from stability.ui.recent_models import recent_models
from stability.ui.server import may_name_paths
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.model_check import draw_check
from stability.ui.widgets.model_offer import (
    choose_precision,
    draw_loading,
    draw_offer,
    draw_packaged,
)
from stability.ui.wording import plain


def choose_model() -> str:
    """Draw the model's name, from which the dialog opens; return the written form of the one in use."""
    session.begin()
    model: str = st.session_state.model
    choice = ModelChoice.parse(model)
    st.markdown(
        ":small[Model]", help="Its weights and its tokenizer. Click its name to choose another."
    )
    st.button(
        choice.title,
        key="open_picker",
        on_click=session.open_picker,
        icon=":material/deployed_code:",
        width="stretch",
    )
    if facts := _facts(model, choice):
        st.caption(plain(" · ".join(facts)))
    if "model_error" in st.session_state:
        show_error(StabilityError(st.session_state.model_error))
    draw_check(model)
    if st.session_state.get("picker"):
        _draw_dialog()
    elif "loading" in st.session_state:
        draw_loading()
    return model


def _facts(model: str, choice: ModelChoice) -> list[str]:
    """What is not usual about the model in use: its revision, as of a merged adapter, and precision."""
    facts = [loaded(model).card.revision] if is_loaded(model) and model not in MODELS else []
    if choice.dtype != ModelChoice.dtype:
        facts.append(choice.dtype)
    if choice.device:
        facts.append(f"on {choice.device}")
    return [fact for fact in facts if fact != "local"]


@st.dialog("Choose a model", width="medium", on_dismiss=session.close)
def _draw_dialog() -> None:
    if not st.session_state.picker:
        st.rerun()
    if "loading" in st.session_state:
        draw_loading()
        st.caption("You may close this and go on: the page changes when the model is ready.")
    elif st.session_state.looked_at is not None:
        draw_offer(st.session_state.looked_at)
    else:
        _draw_list()


def _draw_list() -> None:
    if "picker_error" in st.session_state:
        show_error(StabilityError(st.session_state.pop("picker_error")))
    for name in MODELS:
        draw_packaged(name)
    here = may_name_paths()
    if here and (recent := recent_models()):
        st.markdown("**Used before**")
        for model in recent:
            options: Any = {
                "key": f"recent {model}",
                "type": "tertiary",
                "icon": ":material/history:",
            }
            st.button(plain(model), on_click=session.look_at, args=(model,), **options)
    st.markdown("**Another model**")
    st.session_state.setdefault("typed_model", st.session_state.get("typed", ""))
    with st.form("by_name", border=False):
        st.text_input(
            "Its id on the Hugging Face hub" + (", or a path on this computer" if here else ""),
            key="typed_model",
            placeholder="HuggingFaceTB/SmolLM2-360M",
            help="After an @ you may name a revision: org/name@revision."
            + (" A path leads to a folder or to a .gguf file." if here else ""),
        )
        st.form_submit_button("Look it up", on_click=session.look_at_typed)
    with st.expander("Upload a model"):
        _choose_upload()
    choose_precision()


def _choose_upload() -> None:
    files = st.file_uploader(
        f"One .gguf file; or {uploads.WEIGHTS}, {uploads.CONFIG} and the tokenizer's files",
        uploads.ENDINGS,
        accept_multiple_files=True,
        key="model_upload",
    )
    st.caption("What you upload is deleted when you leave.")
    if files:
        st.button("Look at it", on_click=session.look_at_uploaded)
