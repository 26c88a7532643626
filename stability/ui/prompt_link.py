"""The fields of links that several pages share: the model, the prompt or conversation, the token."""

import json
from typing import Any

import streamlit as st

from stability.defaults import MODELS
from stability.errors import StabilityError
from stability.instrument.examples import EXAMPLES
from stability.ui.choice import MOST_MESSAGES
from stability.ui.link import Field
from stability.ui.link_fields import from_json, number, text
from stability.ui.model_choice import ModelChoice
from stability.ui.uploads import upload_at

MOST_POSITIONS = 2**20


def _ask_for_model(asked: str | None) -> None:
    """Ask for a model, which `model_session` uses if that costs nothing."""
    st.session_state.asked_model = MODELS[0] if asked is None else asked


def _model() -> str | None:
    """The model in use, without its device; not one that was uploaded, which nobody else has."""
    choice = ModelChoice.parse(st.session_state.get("model", MODELS[0])).shared
    is_plain = str(choice) == MODELS[0] or upload_at(choice.name) is not None
    return None if is_plain else str(choice)


def _read_chat(asked: str | None) -> None:
    """Set whether the prompt is said to a chat model, the system's words, and the later turns."""
    said = None if asked is None else from_json(asked)
    is_chat = said is not None and _is_said(said)
    system, turns = (said["system"], said["turns"]) if said and is_chat else ("", [])
    st.session_state.update(chat=is_chat, system=system, more_turns=len(turns))
    st.session_state.update({f"turn_{i}": turn for i, turn in enumerate(turns, start=1)})
    if asked is not None and not is_chat:
        raise StabilityError("chat must be turns as this page writes them: left out.")


def _chat() -> str | None:
    state = st.session_state
    if not state.get("chat"):
        return None
    turns = [state.get(f"turn_{i + 1}", "") for i in range(state.get("more_turns", 0))]
    said = {"system": state.get("system", ""), "turns": turns}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _is_said(said: Any) -> bool:
    return (
        isinstance(said, dict)
        and isinstance(said.get("system"), str)
        and isinstance(said.get("turns"), list)
        and len(said["turns"]) < MOST_MESSAGES
        and all(isinstance(turn, str) for turn in said["turns"])
    )


MODEL = Field("model", _ask_for_model, _model)
CHAT = Field("chat", _read_chat, _chat)
PROMPT = (
    MODEL,
    text("prompt", EXAMPLES["a sure fact"].prompt),
    CHAT,
    number("position", -1, -1, MOST_POSITIONS),
)
