"""The link of the Explore page: what the server needs; ε, t and the axes are the browser's part."""

import json
import re

import streamlit as st

from stability.curvature.direction_spec import FORMS, DirectionSpec
from stability.errors import StabilityError
from stability.ui.choice import (
    KINDS,
    MOST_BLOCKS,
    MOST_RANKS,
    MOST_SEEDS,
    look_along,
    look_along_spec,
    look_at,
    named,
)
from stability.ui.link import Field, Page, differs
from stability.ui.link_fields import from_json
from stability.ui.prompt_link import PROMPT

TURN = re.compile(r"turn:(-?\d+(?:\.\d+)?),(\d{1,9}),(.*)", re.DOTALL)
MOST_TURNS = 20


def _read_site(asked: str | None) -> None:
    site = asked or "prelogit"
    block = re.fullmatch(r"block:(\d{1,9})", site)
    if not block and site not in ("prelogit", "final"):
        look_at("prelogit")
        raise differs("site", "prelogit, final or block:L", site, "prelogit")
    look_at(f"block:{min(int(block[1]), MOST_BLOCKS - 1)}" if block else site)


def _site() -> str | None:
    kind = st.session_state.get("site", "prelogit")
    if kind == "a block":
        return f"block:{st.session_state.get('block', 0)}"
    return None if kind == "prelogit" else str(kind)


def _read_direction(asked: str | None) -> None:
    """Choose a direction in its written form, its tokens perhaps as texts, and turn it."""
    look_along(1)
    turns, rest = [], asked or "eig:0"
    while (turn := TURN.fullmatch(rest)) and len(turns) < MOST_TURNS:
        turns.insert(0, (float(turn[1]), int(turn[2])))
        rest = turn[3]
    _read_straight(rest)
    st.session_state.turns = tuple(turns)


def _direction() -> str | None:
    written = _written(KINDS[st.session_state.get("kind", next(iter(KINDS)))])
    for degrees, rank in st.session_state.get("turns", ()):
        written = f"turn:{degrees:g},{rank},{written}"
    return None if written == "eig:0" else written


def _written(kind: str) -> str:
    state = st.session_state
    match kind:
        case "eig":
            return f"eig:{state.get('rank', 1) - 1}"
        case "random" | "covariance":
            return f"{kind}:{state.get('seed', 0)}"
        case "tokens":
            start, end = (str(state.get(key, default)) for key, default in TOKENS)
            if start.isdecimal() and end.isdecimal():
                return f"tokens:{start},{end}"
            return "tokens:" + json.dumps([start, end], ensure_ascii=False)
        case "prompt":
            return f"prompt:{state.get('other', '')}"
    return kind


TOKENS = (("start", "␣Paris"), ("end", "␣the"))


def _read_straight(text: str) -> None:
    kind, _, argument = text.partition(":")
    state = st.session_state
    if kind == "vector":
        state.kind = named("vector")
        if state.get("kept_vector") is None and not state.get("numbers"):
            raise StabilityError("a vector of one's own is not part of it: upload it again.")
    elif kind == "prompt":
        state.update(kind=named("prompt"), other=argument)
    elif kind == "tokens" and argument.startswith("["):
        pair = from_json(argument)
        if not (isinstance(pair, list) and [type(one) for one in pair] == [str, str]):
            raise differs("direction", FORMS["tokens"], text, "eig:0")
        state.update(kind=named("tokens"), start=pair[0], end=pair[1])
    elif kind == "file":
        raise StabilityError("a file is not named by it: upload the vector.")
    else:
        _read_spec(DirectionSpec.parse(text), text)


def _read_spec(spec: DirectionSpec, text: str) -> None:
    most = {"eig": MOST_RANKS, "random": MOST_SEEDS, "covariance": MOST_SEEDS}.get(spec.kind)
    if most is None or (isinstance(spec.argument, int) and spec.argument < most):
        look_along_spec(spec)
        return
    look_along_spec(DirectionSpec(spec.kind, most - 1))
    raise differs("direction", f"{spec.kind}:0 to {spec.kind}:{most - 1}", text, most - 1)


def _read_second(asked: str | None) -> None:
    """Choose the eigendirection, from 0, that spans the plane with the ray."""
    st.session_state.second = None
    if asked is not None:
        if not re.fullmatch(r"\d{1,9}", asked):
            raise differs("second", "a rank from 0", asked, "the first other")
        st.session_state.second = int(asked)


def _second() -> str | None:
    second = st.session_state.get("second")
    return None if second is None else str(second)


PAGE = Page(
    "Explore",
    (
        *PROMPT,
        Field("site", _read_site, _site),
        Field("direction", _read_direction, _direction),
        Field("second", _read_second, _second),
    ),
)
