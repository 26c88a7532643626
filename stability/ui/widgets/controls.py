"""What a person can set: one prompt, one model, one site, one direction, one `ε`."""

from dataclasses import dataclass

import streamlit as st

from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.defaults import MODELS
from stability.ui import wording

EXAMPLES = {
    "a sure fact": "The capital of France is",
    "an open story": "Once upon a time, there was a little girl named",
    "code": "def fibonacci(n):\n    if n <",
    "a near-tie": "He flipped the coin and it came up",
    "a bracket that must close": "f(x) = (a + b) * (c - d",
}
KINDS = {
    "eigenvector": "eig",
    "random": "random",
    "covariance-matched random": "covariance",
    "token difference": "tokens",
    "towards another prompt": "prompt",
    "a vector of your own": "vector",
}
# one decimal step in ten, from 1e-4 to 3 nats
EPSILONS = (*(float(f"{10 ** (tenth / 10):.2g}") for tenth in range(-40, 5)), 3.0)


SITES = {
    "prelogit": "after the final norm: what the unembedding multiplies",
    "final": "the residual stream before the final norm",
    "a block": "the residual stream leaving a block",
}
# widgets that several pages share, that one page sets for another, or to which a person comes back
SHARED = (
    *("model", "prompt", "position", "epsilon", "site", "block"),
    *("kind", "rank", "seed", "start", "end", "relative"),
    *("measurements", "shown_site", "shown_epsilon", "shown_kinds", "shown_entropy"),
    *("predictor", "scores_by", "own_text", "own_model", "own_positions"),
)


@dataclass(frozen=True)
class TokenPair:
    """The direction from one token to another, each as its spelled text or its id."""

    start: str
    end: str


@dataclass(frozen=True)
class Pasted:
    """A vector that came with the page: a name, and what the file or the text field held."""

    name: str
    data: bytes


Heading = DirectionSpec | TokenPair | Pasted


@dataclass(frozen=True)
class Choice:
    """Everything a person has set."""

    model: str
    prompt: str
    position: int
    heading: Heading
    epsilon: float
    relative: bool = False  # lengths as parts of the vector's norm
    site: str = "prelogit"


def keep_shared() -> None:
    """Keep what is set when another page is opened: a widget that is not drawn forgets its value."""
    for key in SHARED:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def choose() -> Choice:
    """Draw the controls and return what is set."""
    with st.sidebar:
        model = choose_model()
        epsilon = choose_epsilon()
        site = _site()
        heading = _heading()
        relative = st.toggle(
            "Lengths in % of ‖vector‖",
            key="relative",
            help="Instead of the vector's own coordinates: to compare positions and models.",
        )
    position = st.session_state.get("position", -1)
    return Choice(model, choose_prompt(), position, heading, epsilon, relative, site)


def choose_model() -> str:
    """The model's name."""
    chosen = st.selectbox(
        "Model",
        MODELS,
        key="model",
        accept_new_options=True,
        on_change=_start_at_the_end,
        help="A packaged model, a hub id, a local folder, or a .gguf file.",
    )
    return chosen or MODELS[0]


def choose_epsilon() -> float:
    """How many nats count as a change."""
    st.session_state.setdefault("epsilon", 0.01)
    epsilon = st.select_slider(
        "ε: how much change counts (nats)",
        EPSILONS,
        key="epsilon",
        format_func=lambda nats: f"{nats:.2g}",
        help="KL(original ‖ changed): the loss of who still expects the original prediction.",
    )
    st.caption(f"ε = {epsilon:.2g} nats: {wording.epsilon_words(epsilon)}.")
    return epsilon


def _site() -> str:
    kind = st.selectbox("Site: which vector is pushed", list(SITES), key="site")
    st.caption(SITES[kind].capitalize() + ".")
    if kind != "a block":
        return kind
    return f"block:{st.number_input('Block, 0 is the first', 0, 511, key='block')}"


def look_at(site: str) -> None:
    """Choose a site; for callbacks."""
    kind, _, block = site.partition(":")
    st.session_state.site = "a block" if block else kind
    if block:
        st.session_state.block = int(block)


def choose_prompt() -> str:
    """The text whose continuation is looked at, or one of the examples."""
    text, examples = st.columns([3, 1])
    examples.selectbox(
        "Examples",
        list(EXAMPLES),
        index=None,
        key="example",
        placeholder="example prompts",
        label_visibility="collapsed",
        on_change=_take_example,
    )
    st.session_state.setdefault("prompt", EXAMPLES["a sure fact"])
    return text.text_area(
        "Prompt",
        key="prompt",
        height=68,
        placeholder="Type a prompt",
        label_visibility="collapsed",
        on_change=_start_at_the_end,
    )


def _take_example() -> None:
    if st.session_state.example:
        st.session_state.prompt = EXAMPLES[st.session_state.example]
        _start_at_the_end()


def _start_at_the_end() -> None:
    """A new prompt is looked at where it goes on."""
    st.session_state.position = -1


def _heading() -> Heading:
    kind = KINDS[st.selectbox("Direction", list(KINDS), key="kind")]
    match kind:
        case "eig":
            rank = st.number_input("Eigendirection", 1, 512, key="rank")
            return DirectionSpec("eig", rank - 1)
        case "tokens":
            spelling = "The text of one token, ␣ for a space and ⏎ for a new line, or its id."
            st.session_state.setdefault("start", "␣Paris")
            st.session_state.setdefault("end", "␣the")
            start = st.text_input("From token", key="start", help=spelling)
            return TokenPair(start, st.text_input("To token", key="end", help=spelling))
        case "prompt":
            other = st.text_input("Other prompt", "The capital of Italy is", key="other")
            return DirectionSpec("prompt", other)
        case "vector":
            return _pasted()
    return DirectionSpec(kind, st.number_input("Seed", 0, 2**31 - 1, key="seed"))


def look_along(rank: int) -> None:
    """Choose an eigendirection, 1 for the largest eigenvalue; for callbacks."""
    st.session_state.kind = next(iter(KINDS))
    st.session_state.rank = rank


def look_along_spec(spec: DirectionSpec) -> None:
    """Choose the direction of a sweep's row; for callbacks."""
    st.session_state.kind = next(name for name, kind in KINDS.items() if kind == spec.kind)
    match spec.argument:
        case (a, b):
            st.session_state.update(start=str(a), end=str(b))
        case int(number) if spec.rank is None:
            st.session_state.seed = number
        case int(rank):
            st.session_state.rank = rank + 1


def second_axis(heading: Heading, held: int) -> int:
    """The eigendirection, from 0, that spans a plane with the chosen direction."""
    others = [rank for rank in range(held) if heading != DirectionSpec("eig", rank)]
    return st.selectbox("Second axis", others, key="second", format_func=eigendirection)


def _pasted() -> Pasted:
    file = st.file_uploader("A .npy file or a JSON list", ["npy", "json"], key="upload")
    text = st.text_area(
        "or its numbers",
        key="numbers",
        height=100,
        placeholder="[0.1, -0.2, …]",
        disabled=bool(file),
    )
    return Pasted(file.name, file.getvalue()) if file else Pasted("pasted vector", text.encode())


def is_missing(heading: Heading) -> bool:
    """Whether a vector of one's own is still to be given."""
    return isinstance(heading, Pasted) and not heading.data.strip()
