"""A session's way from one model to another: asked for, looked at, loading, in use.

Its keys in `st.session_state`: `model`, the written form of the one in use; `loading`, the one on its
way; `model_error`, why that failed; `picker`, whether the dialog is open; `looked_at`, whose facts it
shows; `shows_check`, whether the dialog on the model's check is open.
"""

from dataclasses import dataclass, replace

import streamlit as st

from stability.defaults import MODELS
from stability.errors import StabilityError
from stability.models.model_name import ModelName, parse_name
from stability.ui.cached.checks import stop_check
from stability.ui.cached.job import Job
from stability.ui.cached.models import (
    hold,
    is_loaded,
    is_used_once,
    let_go,
    start_fetching,
    start_loading,
    stop_loading,
)
from stability.ui.choice import start_at_the_end
from stability.ui.model_choice import DTYPES, ModelChoice
from stability.ui.recent_models import remember
from stability.ui.server import may_name_paths
from stability.ui.uploads import save, upload_at


@dataclass(frozen=True, eq=False)
class Loading:
    """A model on its way."""

    model: str
    job: Job


def begin() -> None:
    """Take the model that a link asks for, or the one that has been loaded meanwhile."""
    st.session_state.setdefault("model", MODELS[0])
    asked = st.session_state.pop("asked_model", None)
    if asked is not None and asked != str(ModelChoice.parse(st.session_state.model).shared):
        _follow(asked)
    _settle()
    _remember()
    st.session_state.setdefault("dtype", DTYPES[0])
    _take(st.session_state.model)


def admitted(typed: str) -> ModelName:
    """The name of a model that this visitor may look at; raises StabilityError for any other."""
    name = parse_name(typed)
    if name.kind == "path" and (upload := upload_at(name.path)):
        return replace(name, text=str(upload))
    if name.kind == "path" and not may_name_paths():
        raise StabilityError(
            "A model on a shared server must be a packaged name, a hub id or an upload; received a "
            "path: upload the file, or start the app on your own computer."
        )
    return name


def load_in_background(model: str) -> None:
    """Load a model while the one in use goes on being used."""
    stop_waiting()
    hold().wanted = model
    st.session_state.loading = Loading(model, start_loading(model))


def load_in_place(model: str) -> None:
    """Fetch a model while the one in use goes on, and then leave that for it: it needs the memory."""
    stop_waiting()
    hold().wanted = model
    st.session_state.loading = Loading(model, start_fetching(model))


def use_loaded(model: str) -> None:
    """Use a model that is here already."""
    stop_waiting()
    _use(model)
    close()


def stop_waiting() -> None:
    """Stay with the model in use; for callbacks."""
    loading: Loading | None = st.session_state.pop("loading", None)
    hold().wanted = ""
    st.session_state.pop("model_error", None)
    if loading is not None:
        stop_loading(loading.job, loading.model)


def is_alone() -> bool:
    """Whether no other session uses the model of this one."""
    return is_used_once(st.session_state.model)


def open_picker() -> None:
    """Open the dialog on its list; for callbacks."""
    st.session_state.picker, st.session_state.looked_at = True, None
    st.session_state.shows_check = False


def look_at(model: str) -> None:
    """Show the facts of a model in the dialog, or why that cannot be; for callbacks."""
    choice = ModelChoice.parse(model)
    try:
        st.session_state.looked_at = admitted(choice.name).text
        st.session_state.dtype = choice.dtype
    except StabilityError as error:
        st.session_state.picker_error = str(error)


def look_at_typed() -> None:
    """Show the facts of the model whose name has been typed; for callbacks."""
    # Streamlit forgets the field while the facts stand in its place
    st.session_state.typed = st.session_state.typed_model
    look_at(st.session_state.typed)


def look_at_uploaded() -> None:
    """Show the facts of the model whose files have been uploaded; for callbacks."""
    try:
        look_at(save([(file.name, file.getvalue()) for file in st.session_state.model_upload]))
    except StabilityError as error:
        st.session_state.picker_error = str(error)


def close() -> None:
    """Close the dialog; for callbacks."""
    st.session_state.picker = False


def _follow(link: str) -> None:
    """Use a model that a link names if that costs nothing, and else ask before anything is done."""
    choice = ModelChoice.parse(link).shared
    try:
        name = admitted(choice.name)
    except StabilityError as error:
        st.session_state.model_error = str(error)
        return
    model = str(ModelChoice(name.text, choice.dtype))
    if name.kind == "packaged" or is_loaded(model):
        st.session_state.model = model
        return
    open_picker()
    # a file is not even looked at unasked: to read a path may wake a device or call another computer
    if name.kind == "hub":
        look_at(model)
    else:
        st.session_state.typed = name.text


def _settle() -> None:
    """Use the model that was waited for once it is there, or say why it never will be."""
    loading: Loading | None = st.session_state.get("loading")
    if loading is None or not loading.job.future.done():
        return
    del st.session_state.loading
    hold().wanted = ""
    close()
    try:
        loading.job.future.result()
    except StabilityError as error:
        st.session_state.model_error = str(error)
    else:
        _use(loading.model)
        let_go()


def _use(model: str) -> None:
    st.session_state.pop("model_error", None)
    left = st.session_state.model
    st.session_state.model = model
    _take(model)
    stop_check(left)
    st.session_state.unremembered = model
    start_at_the_end()


def _take(model: str) -> None:
    """Hold a model, and nothing of the one before."""
    hold().model = model
    for scenes in ("scenes", "dose_scenes"):
        if scenes in st.session_state:
            st.session_state[scenes].leave(model)


def _remember() -> None:
    """Keep the name of a model that was chosen once it is loaded, unless it is offered anyway."""
    model = st.session_state.get("unremembered")
    if model is not None and is_loaded(model):
        del st.session_state.unremembered
        name = ModelChoice.parse(model).name
        if name not in MODELS and upload_at(name) is None:
            remember(model)
