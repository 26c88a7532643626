"""A person's choice: one model, one prompt, one site, one direction, one `ε`; and how it is kept.

The controls of `widgets.controls` draw it; callbacks of figures change it by the functions here.
"""

from dataclasses import dataclass

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec
from stability.prediction.conversation import PromptLike

EXAMPLES = {
    "a sure fact": "The capital of France is",
    "an open story": "Once upon a time, there was a little girl named",
    "code": "def fibonacci(n):\n    if n <",
    "a near-tie": "He flipped the coin and it came up",
    "a bracket that must close": "f(x) = (a + b) * (c - d",
}
KINDS = {
    "eigendirection": "eig",
    "random": "random",
    "covariance-matched": "covariance",
    "token difference": "tokens",
    "towards another prompt": "prompt",
    "a vector of your own": "vector",
}
SITES = {
    "prelogit": "the vector after the final norm, which the unembedding multiplies",
    "final": "the residual stream before the final norm",
    "a block": "the residual stream leaving a block",
}
MOST_TURNS = 20  # of a conversation, the system's apart
# keys of widgets that several pages share, that one page sets for another, or that must outlast a
# visit to another page
SHARED = (
    *("model", "prompt", "position", "epsilon", "site", "block"),
    *("chat", "system", "more_turns", *(f"turn_{number}" for number in range(1, MOST_TURNS))),
    *("kind", "rank", "seed", "start", "end", "relative"),
    *("measurements", "shown_site", "shown_epsilon", "shown_kinds", "shown_entropy"),
    *("predictor", "scores_by", "my_prompts_text", "my_prompts_positions"),
    *("section", "prompt_b", "prompt_c", "interpolation_block"),
    *("write_site", "write_rank", "write_t", "write_n"),
    *("other", "numbers"),
)


@dataclass(frozen=True)
class TokenPair:
    """The direction from one token to another, each as its spelled text or its id."""

    start: str
    end: str


@dataclass(frozen=True)
class Pasted:
    """A vector given on the page: a name, and the bytes of the file or of the text field."""

    name: str
    data: bytes

    @property
    def is_empty(self) -> bool:
        """Whether the vector is still to be given."""
        return not self.data.strip()


DirectionChoice = DirectionSpec | TokenPair | Pasted


@dataclass(frozen=True)
class Choice:
    """Everything a person has set on the Explore page."""

    model: str
    prompt: PromptLike
    position: int
    direction: DirectionChoice
    epsilon: float
    relative: bool = False  # lengths as parts of the vector's norm
    site: str = "prelogit"


def keep_shared() -> None:
    """Set each shared key to its own value: Streamlit forgets those of widgets it does not draw."""
    for key in SHARED:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def look_at(site: str) -> None:
    """Choose a site; for callbacks."""
    kind, _, block = site.partition(":")
    st.session_state.site = "a block" if block else kind
    if block:
        st.session_state.block = int(block)


def look_along(rank: int) -> None:
    """Choose an eigendirection, 1 for the largest eigenvalue; for callbacks."""
    st.session_state.kind = next(iter(KINDS))
    st.session_state.rank = rank


def look_along_spec(spec: DirectionSpec) -> None:
    """Choose the direction of a sweep's row; for callbacks."""
    st.session_state.kind = next(name for name, kind in KINDS.items() if kind == spec.kind)
    match spec:
        case DirectionSpec("eig", int(rank)):
            st.session_state.rank = rank + 1
        case DirectionSpec("random" | "covariance", int(seed)):
            st.session_state.seed = seed
        case DirectionSpec("tokens", (a, b)):
            st.session_state.update(start=str(a), end=str(b))
        case _:
            raise AssertionError(spec)


def take_example() -> None:
    """Make the chosen example the prompt; for callbacks."""
    if st.session_state.example:
        st.session_state.prompt = EXAMPLES[st.session_state.example]
        start_at_the_end()


def start_at_the_end() -> None:
    """Choose the last token, after which a new prompt continues; for callbacks."""
    st.session_state.position = -1


def open_explore() -> None:
    """Ask the page to open Explore at its next run; for callbacks, which cannot switch pages."""
    st.session_state.opened = True
