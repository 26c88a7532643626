"""A conversation with a chat model: a system prompt, then turns of user and assistant."""

from typing import Any

import streamlit as st

from stability.prediction.conversation import ASSISTANT, Conversation, Turn
from stability.ui.choice import MOST_MESSAGES, start_at_the_end
from stability.ui.widgets.prompt import prompt_field

USER, SYSTEM = "user", "system"


def choose_chat() -> bool:
    """Whether the prompt is said to a chat model, or is the text itself."""
    return st.toggle(
        "As a chat",
        key="chat",
        on_change=start_at_the_end,
        help="Write the prompt out by the model's chat template, as it was trained to read a "
        "conversation. The strip of tokens shows who says what.",
    )


def choose_conversation() -> Conversation:
    """The conversation: the prompt is its first turn."""
    instructions = _beside(SYSTEM).text_input(
        SYSTEM.capitalize(),
        key="system",
        placeholder="none, or the template's own",
        label_visibility="collapsed",
        on_change=start_at_the_end,
    )
    count = 1 + st.session_state.setdefault("more_turns", 0)
    said = [_choose_turn(number) for number in range(count)]
    _choose_count(count)
    system = (Turn(SYSTEM, instructions),) if instructions.strip() else ()
    return Conversation((*system, *said))


def _choose_turn(number: int) -> Turn:
    role = _role(number)
    with _beside(role):
        label = f"{role.capitalize()}, turn {number + 1}"
        return Turn(role, prompt_field(label, f"turn_{number}" if number else "prompt"))


def _beside(role: str) -> Any:
    """The place of a field beside the name of who speaks."""
    name, field = st.columns([1, 8], vertical_alignment="center")
    name.caption(role)
    return field


def _choose_count(count: int) -> None:
    """Buttons that add a turn and take the last one away."""
    row = st.container(horizontal=True)
    if count < MOST_MESSAGES:
        label = f"Add a turn of the {_role(count)}"
        row.button(label, icon=":material/add:", on_click=_set_count, args=(count + 1,))
    if count > 1:
        label = "Remove the last turn"
        row.button(label, icon=":material/remove:", on_click=_set_count, args=(count - 1,))


def _set_count(count: int) -> None:
    st.session_state.more_turns = count - 1
    start_at_the_end()


def _role(number: int) -> str:
    """Who speaks: the user first, then one after the other, as most templates demand."""
    return (USER, ASSISTANT)[number % 2]
