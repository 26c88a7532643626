"""What a model asks for, and the button that loads it; how far it is once it is loading."""

from typing import Any

import streamlit as st

from stability.errors import StabilityError
from stability.models.memory import memory_at_hand, require_memory
from stability.models.precision import AUTO, devices
from stability.models.requirements import Requirements
from stability.text import in_bytes
from stability.ui import model_session as session
from stability.ui.cached.checks import found_of
from stability.ui.cached.models import is_loaded, requirements
from stability.ui.model_choice import DTYPES, ModelChoice
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.model_check import summary
from stability.ui.widgets.progress import draw_progress
from stability.ui.wording import plain


def draw_packaged(name: str) -> None:
    """A model that comes with the app, as one row."""
    left, right = st.columns([3, 1], vertical_alignment="center")
    choice = _chosen(name)
    try:
        asked = requirements(name)
    except StabilityError as error:
        left.markdown(f"**{plain(choice.title)}**  \n:small[{plain(str(error))}]")
        return
    facts = plain(
        " · ".join((_size(asked), asked.licence, _download(asked), _memory(asked, choice)))
    )
    left.markdown(f"**{plain(asked.title)}**  \n:small[{facts}]")
    with right:
        _draw_button(choice, asked)


def draw_offer(name: str) -> None:
    """A model's facts and the buttons to load it, or to go back."""
    try:
        asked = requirements(session.admitted(name).text)
    except StabilityError as error:
        show_error(error)
    else:
        st.markdown(f"**{plain(asked.title)}**")
        choice = _chosen(name)
        facts = (
            _size(asked),
            f"licence: {asked.licence}",
            _download(asked),
            f"{_memory(asked, choice)}; {in_bytes(memory_at_hand())} are free",
        )
        st.markdown("\n".join(f"- {plain(fact)}" for fact in facts))
        choose_precision()
        _draw_button(choice, asked)
    st.button("Back", on_click=session.open_picker, key="back_to_list")


def choose_precision() -> None:
    """The dtype and the device, for those who want other than the default."""
    devices = _devices()
    with st.expander("Precision and device" if devices else "Precision"):
        st.segmented_control("Weights", DTYPES, required=True, key="dtype")
        st.caption(
            "bfloat16 and float16 hold the weights in half the memory of float32; all is computed in "
            "float32, a little more slowly."
        )
        if devices:
            st.segmented_control("Device", devices, default=devices[0], required=True, key="device")
            st.caption(
                f"{AUTO}: what the first card does not hold of the weights lies on others and in main "
                "memory, and is moved there where it is used: slowly."
            )


def draw_loading() -> None:
    """How far the model is that is on its way, with a button to stop it."""
    loading: session.Loading = st.session_state.loading
    draw_progress(loading.job, session.stop_waiting, "cancel_loading", "Cancel")


def _draw_button(choice: ModelChoice, asked: Requirements) -> None:
    """The one thing that can be done with a model: it is in use, here, or to be loaded."""
    model = str(choice)
    # a key is sent to the browser, and a path is not
    look: Any = {"key": f"load {hash(model)}", "width": "stretch"}
    if model == st.session_state.model:
        st.button("In use", disabled=True, **look)
        if (found := found_of(model)) is not None:
            st.caption(plain(summary(found)))
    elif is_loaded(model):
        st.button("Use", on_click=session.use_loaded, args=(model,), type="primary", **look)
    elif (shortage := _shortage(asked, choice)) is None:
        label = "Download and load" if asked.to_fetch else "Load"
        st.button(label, on_click=session.load_in_background, args=(model,), type="primary", **look)
    elif _shortage(asked, choice, reclaimable=_memory_in_use()) is None:
        st.button(
            "Load in place of the other", on_click=session.load_in_place, args=(model,), **look
        )
        st.caption("There is not enough memory for both.")
    else:
        show_error(shortage)


def _shortage(
    asked: Requirements, choice: ModelChoice, reclaimable: int = 0
) -> StabilityError | None:
    try:
        require_memory(asked, choice.dtype, choice.device, reclaimable)
    except StabilityError as error:
        return error
    return None


def _memory_in_use() -> int:
    """Bytes that the model in use would leave, if no other session used it."""
    choice = ModelChoice.parse(st.session_state.model)
    try:
        return (requirements(choice.name).memory(choice.dtype) or 0) if session.is_alone() else 0
    # its files may be gone, while it is in use
    except StabilityError:
        return 0


def _chosen(name: str) -> ModelChoice:
    devices, device = _devices(), st.session_state.get("device")
    is_default = device is None or device == devices[0]
    return ModelChoice(name, st.session_state.dtype, None if is_default else device)


def _devices() -> list[str]:
    """The devices to choose from, the default one first; none where there is only one."""
    found = devices()
    return [*found, AUTO] if len(found) > 1 else []


def _size(asked: Requirements) -> str:
    if asked.weights is None:
        return "Number of parameters unknown"
    count = asked.weights.parameters
    return f"{count:,} parameters" if count < 1e6 else f"{count / 1e6:,.0f} million parameters"


def _memory(asked: Requirements, choice: ModelChoice) -> str:
    needed = asked.memory(choice.dtype)
    return "memory unknown" if needed is None else f"{in_bytes(needed)} of memory"


def _download(asked: Requirements) -> str:
    if asked.to_fetch is None:
        return "download of unknown size"
    return f"{in_bytes(asked.to_fetch)} to download" if asked.to_fetch else "on this computer"
