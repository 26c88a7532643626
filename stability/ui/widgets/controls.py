"""The controls: each draws one part of a `Choice` and returns it."""

from collections.abc import Sequence

import streamlit as st

from stability.instrument.epsilons import EPSILON_STEPS
from stability.instrument.examples import EXAMPLES
from stability.prediction.conversation import PromptLike
from stability.ui import wording
from stability.ui.cached.models import is_loaded, loaded
from stability.ui.choice import (
    MOST_BLOCKS,
    SITES,
    Choice,
    take_example,
)
from stability.ui.glossary import EPSILON_HELP
from stability.ui.kept import within
from stability.ui.widgets.chat import choose_chat, choose_conversation
from stability.ui.widgets.direction import choose_direction
from stability.ui.widgets.model_picker import choose_model
from stability.ui.widgets.prompt import prompt_field


def choose() -> Choice:
    """Draw all controls of the Explore page that the server needs, and return the choice."""
    with st.sidebar:
        model = choose_model()
        site = _choose_site(model)
        direction = choose_direction(model)
    position = st.session_state.get("position", -1)
    second = st.session_state.get("second")
    return Choice(model, choose_prompt(), position, direction, site, second)


def choose_epsilon() -> float:
    """How many nats count as a change: a step of the slider, or what was chosen elsewhere."""
    state = st.session_state
    if state.setdefault("epsilon", 0.01) not in EPSILON_STEPS:
        # it stays among the steps when another is chosen, or the browser would draw another slider
        state.own_epsilon = state.epsilon
    epsilon = st.select_slider(
        "ε: how much change counts (nats)",
        sorted({*EPSILON_STEPS, state.get("own_epsilon", 0.01)}),
        key="epsilon",
        format_func=lambda nats: f"{nats:.3g}",
        help=EPSILON_HELP,
    )
    st.caption(f"ε = {wording.nats(epsilon)}: {wording.epsilon_words(epsilon)}.")
    return epsilon


def choose_relative() -> bool:
    """Whether lengths are given as parts of the vector's norm."""
    return st.toggle(
        "Lengths in % of ‖vector‖",
        key="relative",
        help="Instead of the vector's own coordinates: to compare positions and models.",
    )


def choose_prompt() -> PromptLike:
    """The prompt, typed or one of the examples; as a chat, the conversation that it begins."""
    text, examples, chat = st.columns([6, 2, 1.3], vertical_alignment="center")
    _forget_example()
    examples.selectbox(
        "Examples",
        list(EXAMPLES),
        index=None,
        key="example",
        placeholder="example prompts",
        label_visibility="collapsed",
        on_change=take_example,
    )
    with chat:
        is_chat = choose_chat()
    st.session_state.setdefault("prompt", EXAMPLES["a sure fact"].prompt)
    with text:
        return choose_conversation() if is_chat else prompt_field("Prompt", "prompt")


def _forget_example() -> None:
    """Name no example whose prompt has been changed since it was chosen."""
    named = st.session_state.get("example")
    if named and EXAMPLES[named].prompt != st.session_state.get("prompt"):
        st.session_state.example = None


def choose_one(label: str, options: Sequence[str], key: str) -> str:
    """One of some options: the first, or the one chosen when the page was last open."""
    within(key, options)
    st.session_state.setdefault(key, options[0])
    st.segmented_control(label, options, required=True, key=key)
    return str(st.session_state[key])


def _choose_site(model: str) -> str:
    kind = st.selectbox("Site: which vector is pushed", list(SITES), key="site")
    st.caption(SITES[kind].capitalize() + ".")
    if kind != "a block":
        return kind
    last = (loaded(model).card.n_layers if is_loaded(model) else MOST_BLOCKS) - 1
    if (asked := st.session_state.get("block", 0)) > last:
        # a link asks for any, and another model may have fewer
        note = f"The blocks of this model are 0 to {last}; received {asked}: block {last} is shown."
        st.session_state.link_notes = [*st.session_state.get("link_notes", []), note]
        st.session_state.block = last
    return f"block:{st.number_input('Block, 0 is the first', 0, last, key='block')}"
