"""What the model would write: greedy continuations after a push along an eigendirection."""

from collections.abc import Sequence

import streamlit as st

from stability.figures.continuations import continuations_figure
from stability.geometry.continuation import Continuation
from stability.ui import wording
from stability.ui.cached import depth
from stability.ui.cached.models import loaded
from stability.ui.cached.states import StateKey
from stability.ui.pages.depth.link import FIRST_LENGTH, LONGEST_CONTINUATION
from stability.ui.widgets.figure import draw_figure
from stability.ui.widgets.token import choose_token

# radii within which pushes are parts of the radius
NEAR = 2.0001


def draw(key: StateKey, epsilon: float) -> None:
    """Draw the controls of a push, the texts after it, and their divergences step by step."""
    choose_token(key)
    last = loaded(key.model).card.n_layers - 1
    site_column, rank_column, t_column, n_column = st.columns(4)
    sites = ["prelogit", "final", *(f"block:{block}" for block in range(last, -1, -1))]
    # another model may have fewer
    if st.session_state.get("write_site") not in sites:
        st.session_state.write_site = sites[len(sites) // 2]
    st.session_state.setdefault("write_t", 0.0)
    st.session_state.setdefault("write_n", FIRST_LENGTH)
    site = site_column.selectbox("Site", sites, key="write_site")
    rank = rank_column.number_input("Eigendirection", 1, 16, key="write_rank")
    extra = t_column.number_input("also at t =", format="%.4g", key="write_t")
    n = n_column.slider("tokens", 5, LONGEST_CONTINUATION, key="write_n")
    pushed = StateKey(key.model, key.prompt, key.position, site)
    with st.spinner("Writing", show_time=True):
        r, texts = depth.written(pushed, rank - 1, epsilon, extra, n)
    st.caption(_setting(pushed, rank, r, epsilon))
    _draw_hint([text for _, text in texts], r)
    for name, text in texts:
        st.markdown(f"**{name}** &nbsp; {wording.written(text)}")
        st.caption(wording.steps(text))
    draw_figure(
        continuations_figure([(name, text) for name, text in texts if text.distance]),
        "writing",
        "KL of each step's prediction from that of t = 0 at the same step. Marked above and "
        "here: the first token that differs; after it the texts are others.",
    )


def _draw_hint(texts: Sequence[Continuation], r: float) -> None:
    """Say where the words change if they do not within 2r; where none do, offer a longer push."""
    differing = [abs(text.distance) for text in texts if text.first_difference is not None]
    if differing and min(differing) <= NEAR * r:
        return
    if differing:
        st.info(
            f"Within 2r all texts are the same; the first that differs is at a distance of "
            f"{wording.number(min(differing))}, below."
        )
        return
    furthest = max(abs(text.distance) for text in texts)
    further = float(f"{2 * furthest:.4g}")

    def go_further() -> None:
        st.session_state.write_t = further

    st.info(
        f"All texts are the same: a push as long as {wording.number(furthest)} changes no word of "
        "them, though it changes the probabilities. Push further, or choose another block, or more "
        "tokens."
    )
    st.button(
        f"Write at t = {wording.number(further)}, too", on_click=go_further, key="write_further"
    )


def _setting(key: StateKey, rank: int, r: float, epsilon: float) -> str:
    """Where and along which direction the vector was moved, and how long the change lasts."""
    lasting = (
        "The push changes one prediction; it reaches later ones only through the token chosen."
        if key.site in ("prelogit", "final")
        else "The push also stays in the keys and values above the block, which later tokens read."
    )
    return (
        f"Greedy texts after token {key.position}, with the vector at {key.site} moved once, along "
        f"eigendirection {rank}; r = {wording.number(r)} at ε = {wording.nats(epsilon)}. {lasting}"
    )
