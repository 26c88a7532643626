"""The Depth page: the stable region of every layer, what would be written, the way between prompts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from stability.errors import StabilityError
from stability.ui import wording
from stability.ui.widgets import controls
from stability.ui.widgets.figure import draw
from stability.ui.widgets.resources import resource
from stability.units import COORDINATES, percent_of

QUICK = 8  # tokens of a prompt whose map is made without being asked for
LONGEST = 40  # tokens that may be written
STOPPED = "stopped"
SECTIONS = ("all tokens", "one token", "what it would write", "between prompts")


def page() -> None:
    """Draw the page."""
    st.html(f"<style>{resource('page.css')}</style>")
    st.markdown("#### The stable region of every layer")
    if st.session_state.pop("opened", False):
        st.switch_page("app.py")
    with st.sidebar:
        model = controls.choose_model()
        epsilon = controls.choose_epsilon()
        relative = st.toggle("Lengths in % of ‖vector‖", key="relative")
    prompt = controls.choose_prompt()
    section = st.segmented_control(
        "Look at", SECTIONS, default=SECTIONS[0], required=True, key="section"
    )
    try:
        from stability.ui.cached import explore

        states = explore.states(model, prompt)
        position = min(st.session_state.get("position", -1), len(states) - 1) % len(states)
        place = explore.Place(model, prompt, position)
        match section:
            case "all tokens":
                _map(place, epsilon, relative)
            case "one token":
                _token_choice(place)
                _across(place, epsilon, relative)
            case "what it would write":
                _token_choice(place)
                _writing(place, epsilon)
            case _:
                _between(place, epsilon)
    except StabilityError as error:
        st.error(wording.plain(str(error)))


def _token_choice(place: Any) -> None:
    """The token that is looked at, shared with the other sections and with Explore."""
    from stability.text import spelled
    from stability.ui.cached import explore

    tokens = explore.states(place.model, place.prompt)[0].tokens
    st.session_state.depth_position = place.position

    def chosen() -> None:
        st.session_state.position = st.session_state.depth_position

    st.selectbox(
        "Token",
        range(len(tokens)),
        key="depth_position",
        format_func=lambda i: f"{i}: {spelled(tokens[i].text)}",
        on_change=chosen,
    )


def _asked(
    name: str, key: tuple[Any, ...], label: str, is_there: bool = False
) -> tuple[bool, Callable[[], None]]:
    """Whether some long work was asked for, by a button that stands there until then; and how to
    take that back.
    """

    def ask() -> None:
        st.session_state[name] = key

    def withdraw() -> None:
        st.session_state[name] = STOPPED, key

    if is_there or st.session_state.get(name) == key:
        return True, withdraw
    st.button(label, on_click=ask, type="primary")
    return False, withdraw


def _map(place: Any, epsilon: float, relative: bool) -> None:
    from stability.figures.depth_map import depth_map_figure
    from stability.ui.cached import depth as cached_depth
    from stability.ui.cached import explore

    tokens = explore.states(place.model, place.prompt)[0].tokens
    key = (place.model, place.prompt)
    label = f"Measure {len(tokens)} tokens at every block (about a second each)"
    quick = len(tokens) <= QUICK and st.session_state.get("map_asked") != (STOPPED, key)
    asked, withdraw = _asked("map_asked", key, label, quick or cached_depth.has_map(*key))
    if not asked:
        return
    depths = cached_depth.depths(*key, on_stop=withdraw)
    radii = np.array([[np.nan if r is None else r for r in one.radii(epsilon)] for one in depths])
    if np.isnan(radii).all():
        st.info("These predictions are so certain that no push at any block has a curvature.")
        return
    units = [[_unit(norm, relative) for norm in one.norms.tolist()] for one in depths]
    radii /= [[unit.length for unit in row] for row in units]

    def opened(point: dict[str, Any]) -> None:
        st.session_state.position = int(point["y"])
        controls.look_at(f"block:{int(point['x'])}")
        controls.look_along(1)
        st.session_state.opened = True

    draw(
        depth_map_figure(radii, [token.text for token in tokens], units[0][0].name, place.position),
        "depth_map",
        f"How far the vector leaving each block may move along its most sensitive direction before "
        f"the next token changes by ε = {epsilon:.2g} nats, by the closed form. Click a cell to open "
        "Explore there.",
        on_click=opened,
    )


def _across(place: Any, epsilon: float, relative: bool) -> None:
    from stability.figures.depth import (
        alignment_figure,
        block_divergences_figure,
        depth_check_figure,
    )
    from stability.ui.cached import depth as cached_depth

    asked, withdraw = _asked(
        "across_asked", (place, epsilon), "Measure this token at every block (15 seconds or more)"
    )
    if not asked:
        return
    depth, found = cached_depth.depth_across(place, epsilon, on_stop=withdraw)
    if np.isnan(found.errors).all():
        st.info("No block's boundary is reached: there is nothing to compare.")
        return
    st.markdown(wording.across(found))
    units = [_unit(norm, relative) for norm in depth.norms.tolist()]
    lengths = np.array([unit.length for unit in units])
    left, right = st.columns(2)
    with left:
        draw(
            depth_check_figure(found, lengths, units[0].name),
            "across",
            "Predicted radius and true boundaries along each block's most sensitive direction, whose "
            "largest component points to +: the sides may change places from block to block.",
        )
    with right:
        draw(
            block_divergences_figure(found),
            "curves",
            "The true KL of every block, each over its own predicted radius: where the formula holds "
            "all of them lie on the dashed parabola.",
        )
    with left:
        draw(
            alignment_figure(depth.alignment.cpu().numpy()),
            "alignment",
            "Whether the most sensitive directions of two blocks change the prediction alike, carried "
            "to the output by the network's derivative: a bright square is one direction carried on, "
            "and its lower corner is where it was born.",
        )
    with right:
        st.dataframe(_across_table(found), hide_index=True, height=470)
        st.caption(
            "Lengths in units of the vector. One pass finds the directions of all blocks, nearly: "
            "Explore, which refines its own, may differ in the third digit."
        )


def _unit(norm: float, relative: bool) -> Any:
    """What lengths of a vector are counted in."""
    return percent_of(norm) if relative else COORDINATES


def _across_table(found: Any) -> list[dict[str, Any]]:
    """A block a row, but for those without curvature."""
    rows = []
    for block, (r, sides) in enumerate(zip(found.predicted, found.actual, strict=True)):
        if not np.isfinite(r):
            continue
        minus, plus = (float(t) if np.isfinite(t) else None for t in sides)
        rows.append(
            {
                "block": block,
                "predicted": wording.number(float(r)),
                "actual −": "not reached" if minus is None else wording.number(minus),
                "actual +": "not reached" if plus is None else wording.number(plus),
                "closed form −": wording.error(float(r), minus),
                "closed form +": wording.error(float(r), plus),
            }
        )
    return rows


def _writing(place: Any, epsilon: float) -> None:
    from stability.figures.continuations import continuations_figure
    from stability.ui.cached import depth as cached_depth
    from stability.ui.cached import explore

    last = explore.loaded(place.model).card.n_layers - 1
    site_column, rank_column, t_column, n_column = st.columns(4)
    sites = ["prelogit", "final", *(f"block:{block}" for block in range(last, -1, -1))]
    site = site_column.selectbox("Site", sites, index=len(sites) // 2, key="write_site")
    rank = rank_column.number_input("Eigendirection", 1, 16, key="write_rank")
    chosen = t_column.number_input("also at t =", value=0.0, format="%.4g", key="write_t")
    n = n_column.slider("tokens", 5, LONGEST, 24, key="write_n")
    here = explore.Place(place.model, place.prompt, place.position, site)
    with st.spinner("Writing", show_time=True):
        r, texts = cached_depth.written(here, rank - 1, epsilon, chosen, n)
    st.caption(
        f"Greedy texts after token {place.position}, with the vector at {site} moved once, along "
        f"eigendirection {rank}; r = {wording.number(r)} at ε = {epsilon:.2g} nats. "
        + (
            "The push changes one prediction; later ones feel it only through the token chosen."
            if site in ("prelogit", "final")
            else "The push also stays in the keys and values above the block, which later tokens read."
        )
    )
    for name, text in texts:
        st.markdown(f"**{name}** &nbsp; {wording.written(text)}")
        st.caption(wording.steps(text))
    draw(
        continuations_figure([(name, text) for name, text in texts if text.distance]),
        "writing",
        "KL of each step's prediction from that of t = 0 at the same step. Underlined above, marked "
        "here: the first token that differs; after it the texts are others.",
    )


def _between(place: Any, epsilon: float) -> None:
    from stability.figures.interpolation import interpolation_figure
    from stability.ui.cached import depth as cached_depth
    from stability.ui.cached import explore

    last = explore.loaded(place.model).card.n_layers - 1
    b_column, c_column, block_column = st.columns([3, 3, 1])
    b = b_column.text_input("B: another prompt", "Once upon a time there was a", key="path_b")
    c = c_column.text_input("C: a third, for the plane", "2 + 2 =", key="path_c")
    block = block_column.number_input("Block", 0, last, min(5, last), key="path_block")
    site = f"block:{block}"
    st.caption(
        f"A is the prompt above. What its last token leaves block {block} with is replaced by "
        "A + α(B − A); A's earlier tokens stay as they are."
    )
    with st.spinner("Running the network above the block", show_time=True):
        path, names = cached_depth.way(place.model, place.prompt, b, site)
    draw(
        interpolation_figure(path, epsilon, names),
        "path",
        "Flat stretches are plateaus, steep ones edges. Vertical lines: the boundaries of A's and of "
        "B's stable region, KL = ε (dotted): dashed orange by the closed form, solid blue in truth.",
    )
    predicted, actual = path.predicted(epsilon)[0], path.actual(epsilon)[0]
    st.markdown(
        f"**‖B − A‖ = {wording.number(path.length)}. The steepest edge is at α = {path.edge:.2g}. "
        f"From A the closed form puts the boundary (KL = ε) at α = {wording.number(predicted)}; "
        + (f"it is at {wording.number(actual)}.**" if actual else "it is not reached on the way.**")
    )
    _plane(place, (b, c), site, epsilon)


def _plane(place: Any, others: tuple[str, str], site: str, epsilon: float) -> None:
    from stability.figures.interpolation import three_states_figure
    from stability.ui.cached import depth as cached_depth

    prompts = (place.prompt, *others)
    asked, _ = _asked(
        "slice_asked",
        (place.model, *prompts, site, epsilon),
        "Draw the plane of A, B and C",
    )
    if not asked:
        return
    with st.spinner("Running the network at a thousand points", show_time=True):
        view, points = cached_depth.slice_of_three(place.model, *prompts, site, epsilon)
    if view is None:
        st.info("This plane has a direction without curvature: there is no closed region.")
        return
    draw(
        three_states_figure(view, points),
        "slice",
        f"The plane through what A, B and C leave {site} with: KL from A, the edge of A's stable "
        "region and its ellipse, and the cells of the most likely token.",
    )
