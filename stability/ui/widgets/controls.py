"""The controls: each draws one part of a `Choice` and returns it."""

from collections.abc import Sequence

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.instrument.epsilons import EPSILON_STEPS
from stability.prediction.conversation import PromptLike
from stability.ui import wording
from stability.ui.cached.models import is_loaded, loaded
from stability.ui.choice import (
    EXAMPLES,
    KINDS,
    SITES,
    Choice,
    DirectionChoice,
    Pasted,
    TokenPair,
    start_at_the_end,
    take_example,
)
from stability.ui.glossary import EPSILON_HELP
from stability.ui.uploads import SMALL
from stability.ui.widgets.chat import choose_chat, choose_conversation
from stability.ui.widgets.model_picker import choose_model

# of a model that is still to be loaded
MOST_BLOCKS = 511


def choose() -> Choice:
    """Draw all controls of the Explore page and return the choice."""
    with st.sidebar:
        model = choose_model()
        epsilon = choose_epsilon()
        site = _choose_site(model)
        direction = _choose_direction()
        relative = choose_relative()
    position = st.session_state.get("position", -1)
    return Choice(model, choose_prompt(), position, direction, epsilon, relative, site)


def choose_epsilon() -> float:
    """How many nats count as a change."""
    st.session_state.setdefault("epsilon", 0.01)
    epsilon = st.select_slider(
        "ε: how much change counts (nats)",
        EPSILON_STEPS,
        key="epsilon",
        format_func=lambda nats: f"{nats:.2g}",
        help=EPSILON_HELP,
    )
    st.caption(f"ε = {epsilon:.2g} nats: {wording.epsilon_words(epsilon)}.")
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
    text, examples = st.columns([3, 1])
    examples.selectbox(
        "Examples",
        list(EXAMPLES),
        index=None,
        key="example",
        placeholder="example prompts",
        label_visibility="collapsed",
        on_change=take_example,
    )
    with examples:
        is_chat = choose_chat()
    st.session_state.setdefault("prompt", EXAMPLES["a sure fact"])
    if is_chat:
        with text:
            return choose_conversation()
    return text.text_area(
        "Prompt",
        key="prompt",
        height=68,
        placeholder="Type a prompt",
        label_visibility="collapsed",
        on_change=start_at_the_end,
    )


def choose_second_axis(direction: DirectionChoice, count: int) -> int:
    """The eigendirection, from 0, of `count` that spans a plane with the chosen direction."""
    others = [rank for rank in range(count) if direction != DirectionSpec("eig", rank)]
    return st.selectbox("Second axis", others, key="second", format_func=eigendirection)


def choose_one(label: str, options: Sequence[str], key: str) -> str:
    """One of some options: the first, or the one chosen when the page was last open."""
    st.session_state.setdefault(key, options[0])
    st.segmented_control(label, options, required=True, key=key)
    return str(st.session_state[key])


def _choose_site(model: str) -> str:
    kind = st.selectbox("Site: which vector is pushed", list(SITES), key="site")
    st.caption(SITES[kind].capitalize() + ".")
    if kind != "a block":
        return kind
    last = loaded(model).card.n_layers - 1 if is_loaded(model) else MOST_BLOCKS
    # another model may have fewer
    st.session_state.block = min(st.session_state.get("block", 0), last)
    return f"block:{st.number_input('Block, 0 is the first', 0, last, key='block')}"


def _choose_direction() -> DirectionChoice:
    kind = KINDS[st.selectbox("Direction", list(KINDS), key="kind")]
    match kind:
        case "eig":
            rank = st.number_input("Eigendirection", 1, 512, key="rank")
            return DirectionSpec("eig", rank - 1)
        case "tokens":
            return _choose_tokens()
        case "prompt":
            st.session_state.setdefault("other", "The capital of Italy is")
            return DirectionSpec("prompt", st.text_input("Other prompt", key="other"))
        case "vector":
            return _choose_vector()
        case "random" | "covariance":
            return DirectionSpec(kind, st.number_input("Seed", 0, 2**31 - 1, key="seed"))
    raise AssertionError(kind)


def _choose_tokens() -> TokenPair:
    spelling = "The text of one token, ␣ for a space and ⏎ for a new line, or its id."
    st.session_state.setdefault("start", "␣Paris")
    st.session_state.setdefault("end", "␣the")
    start = st.text_input("From token", key="start", help=spelling)
    return TokenPair(start, st.text_input("To token", key="end", help=spelling))


def _choose_vector() -> Pasted:
    file = st.file_uploader(
        "A .npy file or a JSON list",
        ["npy", "json"],
        key=f"upload {st.session_state.get('uploads', 0)}",
        max_upload_size=SMALL,
    )
    if file:
        # Streamlit forgets the file when the page is left
        st.session_state.kept_vector = Pasted(file.name, file.getvalue())
    kept: Pasted | None = st.session_state.get("kept_vector")
    if kept:
        st.caption(f"In use: {wording.plain(kept.name)}.")
        st.button("Use another vector", on_click=_drop_vector, key="drop_vector")
        return kept
    text = st.text_area("or its numbers", key="numbers", height=100, placeholder="[0.1, -0.2, …]")
    return Pasted("pasted vector", text.encode())


def _drop_vector() -> None:
    st.session_state.pop("kept_vector", None)
    # a field with another key is an empty one
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1
