"""A person's choice: one model, one prompt, one site, one direction, one `ε`; and how it is kept.

The controls of `widgets.controls` draw it; callbacks of figures change it by the functions here.
"""

from dataclasses import dataclass

import streamlit as st

from stability.curvature.direction_spec import MOST_TURNS, DirectionSpec, Turn
from stability.errors import StabilityError
from stability.instrument.examples import EXAMPLES
from stability.prediction.conversation import PromptLike
from stability.ui.direction_choice import AtPath, DirectionChoice, Pasted, TokenPair, Turned

KINDS = {
    "eigendirection": "eig",
    "random": "random",
    "covariance-matched": "covariance",
    "token difference": "tokens",
    "cheapest push to a token": "cheapest",
    "towards another prompt": "prompt",
    "a vector of your own": "vector",
    "a file on this computer": "file",
}
SITES = {
    "prelogit": "the vector after the final norm, which the unembedding multiplies",
    "final": "the residual stream before the final norm",
    "a block": "the residual stream leaving a block",
}
MOST_MESSAGES = 20  # of a conversation, the system's apart
MOST_BLOCKS, MOST_RANKS, MOST_SEEDS = 512, 512, 2**31
MOST_SECONDS = 16  # eigendirections that span a plane with the ray: those that are shown


@dataclass(frozen=True)
class Choice:
    """Everything on the Explore page that the server computes with."""

    model: str
    prompt: PromptLike
    position: int  # from the end if negative
    direction: DirectionChoice
    site: str = "prelogit"
    # the rank, from 0, of the eigendirection that spans the plane with it; None: the first other one
    second: int | None = None


def look_at(site: str) -> None:
    """Choose a site; for callbacks."""
    kind, _, block = site.partition(":")
    st.session_state.site = "a block" if block else kind
    if block:
        st.session_state.block = int(block)


def look_along(rank: int) -> None:
    """Choose an eigendirection, 1 for the largest eigenvalue; for callbacks."""
    look_along_choice(DirectionSpec("eig", rank - 1))


def look_between(start: int, end: int) -> None:
    """Choose the direction from one token to another, by their ids; for callbacks."""
    look_along_choice(DirectionSpec("tokens", (start, end)))


def look_straight() -> None:
    """Take back all turns of the ray; for callbacks."""
    st.session_state.turns = ()


def turn_by(degrees: float, rank: int) -> None:
    """Turn the ray towards an eigendirection, from 0; raises StabilityError after too many turns."""
    turns = st.session_state.get("turns", ())
    if len(turns) >= MOST_TURNS:
        raise StabilityError(
            f"A direction may be turned {MOST_TURNS} times at most: choose another, or turn it back."
        )
    st.session_state.turns = (*turns, (degrees, rank))


def turned(direction: DirectionChoice) -> DirectionChoice:
    """A direction after all turns of this session."""
    for degrees, rank in st.session_state.get("turns", ()):
        direction = Turned(direction, degrees, rank)
    return direction


def start_anew() -> None:
    """Look from the last token along the first eigendirection at the readout; for callbacks."""
    look_along(1)
    look_at("prelogit")
    start_at_the_end()
    st.session_state.second = None


def read_and_look_along(path: str) -> None:
    """Choose the vector in a file on the server, which a person has asked to read; for callbacks."""
    st.session_state.direction_read = path
    look_along_choice(AtPath(path))


def look_along_choice(direction: DirectionChoice) -> None:
    """Choose a direction; for callbacks."""
    state = st.session_state
    state.turns = ()
    match direction:
        case Turned(start, degrees, rank) | DirectionSpec("turn", Turn(degrees, rank, start)):
            look_along_choice(start)
            turn_by(degrees, rank)
        case TokenPair(start, end):
            state.update(kind=named("tokens"), start=start, end=end)
        case Pasted():
            state.kind = named("vector")
        case AtPath(path):
            state.update(kind=named("file"), direction_path=path)
        case DirectionSpec("eig", int(rank)):
            state.update(kind=named("eig"), rank=rank + 1)
        case DirectionSpec("random" | "covariance" as kind, int(seed)):
            state.update(kind=named(kind), seed=seed)
        case DirectionSpec("tokens", (a, b)):
            state.update(kind=named("tokens"), start=str(a), end=str(b))
        case DirectionSpec("cheapest", int(token) | str(token)):
            state.update(kind=named("cheapest"), goal=str(token))
        case DirectionSpec("prompt", str(other)):
            state.update(kind=named("prompt"), other=other)
        case _:
            raise AssertionError(direction)


def named(kind: str) -> str:
    """The name on the page for a kind of direction."""
    return next(name for name, written in KINDS.items() if written == kind)


def take_example() -> None:
    """Make the chosen example the prompt; for callbacks."""
    if st.session_state.example:
        st.session_state.prompt = EXAMPLES[st.session_state.example].prompt
        start_at_the_end()


def start_at_the_end() -> None:
    """Choose the last token, after which a new prompt continues; for callbacks."""
    st.session_state.position = -1


def open_explore() -> None:
    """Ask the page to open Explore at its next run; for callbacks, which cannot switch pages."""
    st.session_state.opened = True
