"""The link of the Explore page: what the server needs; ε, t and the axes are the browser's part."""

import re

import streamlit as st

from stability.errors import StabilityError
from stability.ui.choice import MOST_BLOCKS, MOST_SECONDS, look_along, look_along_choice, look_at
from stability.ui.direction_choice import Pasted, given_in
from stability.ui.link import Field, Page, differs
from stability.ui.link_fields import is_budget, read_budget
from stability.ui.pages.explore.pins import read_pins, written_pins
from stability.ui.pages.explore.written import LOST, read_direction, written_direction
from stability.ui.prompt_link import PROMPT
from stability.ui.widgets.direction import chosen_direction


def _read_site(asked: str | None) -> None:
    site = asked or "prelogit"
    block = re.fullmatch(r"block:(\d{1,9})", site)
    if not block and site not in ("prelogit", "final"):
        look_at("prelogit")
        raise differs("site", "prelogit, final or block:L", site, "prelogit")
    last = MOST_BLOCKS - 1
    if block and int(block[1]) > last:
        look_at(f"block:{last}")
        # the model may have fewer
        raise differs("site", f"block:0 to block:{last}", site, "the last block")
    look_at(site)


def _site() -> str | None:
    kind = st.session_state.get("site", "prelogit")
    if kind == "a block":
        return f"block:{st.session_state.get('block', 0)}"
    return None if kind == "prelogit" else str(kind)


def _read_direction(asked: str | None) -> None:
    look_along(1)
    direction = read_direction(asked or "eig:0")
    look_along_choice(direction)
    is_lost = isinstance(given_in(direction), Pasted) and "kept_vector" not in st.session_state
    if is_lost and not st.session_state.get("numbers"):
        raise StabilityError(LOST)


def _direction() -> str | None:
    written = written_direction(chosen_direction())
    return None if written == "eig:0" else written


def _read_second(asked: str | None) -> None:
    """Choose the eigendirection, from 0, that spans the plane with the ray."""
    st.session_state.second = None
    if asked is not None:
        if not re.fullmatch(r"\d{1,9}", asked, re.ASCII) or int(asked) >= MOST_SECONDS:
            raise differs(
                "second", f"a rank from 0 to {MOST_SECONDS - 1}", asked, "the first other"
            )
        st.session_state.second = int(asked)


def _second() -> str | None:
    second = st.session_state.get("second")
    return None if second is None else str(second)


def _read_cloud(asked: str | None) -> None:
    """Show the cloud of a budget instead of the region."""
    st.session_state.cloud = None
    if asked is None:
        return
    epsilon = read_budget(asked)
    if epsilon is None or not is_budget(epsilon):
        raise differs("cloud", "a budget from 0.0001 to 3 nats", asked, "the region")
    st.session_state.cloud = epsilon


def _cloud() -> str | None:
    epsilon = st.session_state.get("cloud")
    return None if epsilon is None else f"{epsilon:.6g}"


PAGE = Page(
    "Explore",
    (
        *PROMPT,
        Field("site", _read_site, _site),
        Field("direction", _read_direction, _direction),
        Field("second", _read_second, _second),
        Field("cloud", _read_cloud, _cloud),
        Field("pins", read_pins, written_pins),
    ),
)
