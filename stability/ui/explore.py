"""The Explore page: controls → results → figures."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from stability.errors import StabilityError
from stability.ui import words
from stability.ui.draw import draw

EXAMPLES = {
    "a sure fact": "The capital of France is",
    "an open story": "Once upon a time, there was a little girl named",
    "code": "def fibonacci(n):\n    if n <",
    "a near-tie": "The patient was treated with",
    "a bracket that must close": "f(x) = (a + b) * (c - d",
}
MODELS = ("smollm2-135m", "gemma-3-270m")
KINDS = {
    "eigenvector": "eig",
    "random": "random",
    "covariance-matched random": "covariance",
    "token difference": "tokens",
    "towards another prompt": "prompt",
    "pasted vector file": "file",
}

# the instrument fits one screen only if the page's own margins and metrics are small
COMPACT = """<style>
.stMainBlockContainer { padding: 3.4rem 2.5rem 2rem; }
[data-testid="stMetricValue"] { font-size: 1.45rem; }
</style>"""


@dataclass(frozen=True)
class Choice:
    """Everything a person has set."""

    model: str
    prompt: str
    position: int
    direction: str
    epsilon: float


def page() -> None:
    """Draw the page; bad input is answered in one sentence, and the last good picture stays."""
    st.html(COMPACT)
    st.markdown("#### Stable regions of a language model's prediction")
    choice = _controls()
    try:
        _show(choice)
        st.session_state.good = choice
    except StabilityError as error:
        st.error(str(error))
        good = st.session_state.get("good")
        if good is not None:
            st.caption("Still showing the last result that could be computed.")
            _show(good)


def _controls() -> Choice:
    with st.sidebar:
        model = st.selectbox(
            "Model",
            MODELS,
            key="model",
            accept_new_options=True,
            help="A packaged model, a hub id, a local folder, or a .gguf file.",
        )
        power = st.slider(
            "ε: how much change counts (log₁₀ nats)", -4.0, 0.5, -2.0, 0.1, key="log_epsilon"
        )
        epsilon = float(f"{10**power:.3g}")
        st.caption(f"ε = {epsilon:.3g} nats: {words.epsilon_words(epsilon)}.")
        direction = _direction()
        st.caption(
            "Site: prelogit, the vector that the unembedding multiplies. Lengths are in its own "
            "coordinates."
        )
    examples, prompt_box = st.columns([1, 3], vertical_alignment="bottom")
    examples.selectbox(
        "Examples",
        list(EXAMPLES),
        index=None,
        key="example",
        placeholder="choose a prompt",
        on_change=_take_example,
    )
    st.session_state.setdefault("prompt", EXAMPLES["a sure fact"])
    prompt = prompt_box.text_area("Prompt", key="prompt", height=68, on_change=_start_at_the_end)
    return Choice(
        model or MODELS[0], prompt, st.session_state.get("position", -1), direction, epsilon
    )


def _take_example() -> None:
    if st.session_state.example:
        st.session_state.prompt = EXAMPLES[st.session_state.example]
        _start_at_the_end()


def _start_at_the_end() -> None:
    """A new prompt is looked at where it goes on."""
    st.session_state.position = -1


def _direction() -> str:
    """The specification of the chosen direction."""
    kind = KINDS[st.selectbox("Direction", list(KINDS), key="kind")]
    match kind:
        case "eig":
            if "clicked_rank" in st.session_state:
                st.session_state.rank = st.session_state.pop("clicked_rank")
            rank = st.number_input("Eigendirection", 1, 512, key="rank")
            return f"eig:{rank - 1}"
        case "random" | "covariance":
            return f"{kind}:{st.number_input('Seed', 0, 10**6, 0, key='seed')}"
        case "tokens":
            pair = st.text_input("From token id, to token id", "7042,260", key="pair")
            return f"tokens:{pair}"
        case "prompt":
            return f"prompt:{st.text_input('Other prompt', 'The capital of Italy is', key='other')}"
    return f"file:{st.text_input('Path of a .npy file or JSON list', key='path')}"


def _show(choice: Choice) -> None:
    from stability.figures.next_tokens import next_tokens_figure
    from stability.figures.ray import ray_figure
    from stability.ui import compute
    from stability.ui.strip import token_strip

    states = compute.states(choice.model, choice.prompt)
    last = len(states) - 1
    position = choice.position if 0 <= choice.position <= last else last
    radii = compute.sensitivities(choice.model, choice.prompt).radii(choice.epsilon)
    token_strip(states[0].tokens, radii, position)
    shortest, longest = (f([r for r in radii if r is not None], default=None) for f in (min, max))
    st.caption(
        f"Colour: shortest predicted radius, from {words.number(shortest)} (dark) to "
        f"{words.number(longest)} (light), units of the vector. Click a token or use the arrow keys."
    )
    place = compute.Place(choice.model, choice.prompt, position)
    found = compute.analysis(place, choice.direction)
    view = compute.drawn_ray(place, choice.direction, choice.epsilon)
    if view is None:
        st.info("This direction does not change the prediction at all: its curvature is zero.")
        return
    st.markdown(f"**{words.verdict(view)}**")
    _headline(view)
    main, side = st.columns([5, 3])
    with main:
        draw(
            ray_figure(view),
            "ray",
            "Solid: true divergence; dashed: the closed form. Each boundary lies in its grey band, "
            "certified. Below: probabilities of the leading tokens along the same line.",
        )
    with side:
        _spectrum(found)
        draw(
            next_tokens_figure(found.state.most_likely(10)),
            "next",
            "The ten most likely next tokens.",
        )
    _below(choice, place, found, view)


def _headline(view: Any) -> None:
    """The numbers that matter first."""
    columns = st.columns(5)
    (minus, plus), (band_minus, band_plus) = view.boundary, view.certificate
    columns[0].metric("predicted r", words.number(view.predicted), help="sqrt(2ε / vᵀHv)")
    for column, sign, actual in zip(columns[1:3], "−+", (minus, plus), strict=True):
        column.metric(
            f"actual boundary {sign}",
            words.number(actual),
            f"closed form {words.error(view.predicted, actual)}",
            delta_color="off",
            delta_arrow="off",
            help="Where the true KL divergence reaches ε, found by root-finding on the exact KL.",
        )
    for column, sign, band in zip(columns[3:], "−+", (band_minus, band_plus), strict=True):
        column.metric(
            f"certified {sign}",
            f"{words.number(band[0])} – {words.number(band[1])}",
            "boundary in here",
            delta_color="off",
            delta_arrow="off",
            help="The boundary is guaranteed to lie in here, without looking for it.",
        )


def _spectrum(found: Any) -> None:
    from stability.figures.spectrum import spectrum_figure

    kind, _, rank = found.direction.label.partition(" ")
    chosen = int(rank) - 1 if kind == "eigendirection" else None
    clicked = draw(
        spectrum_figure(found.spectrum, chosen),
        "spectrum",
        f"Click a bar to look along it. Effective rank {words.number(found.spectrum.effective_rank)}; "
        f"these hold {100 * float(found.spectrum.share.sum()):.3g} % of the trace.",
        clickable=True,
    )
    if clicked and int(clicked[0]["x"]) - 1 != chosen:
        st.session_state.clicked_rank = int(clicked[0]["x"])
        st.rerun()


def _below(choice: Choice, place: Any, found: Any, view: Any) -> None:
    """The region, the cloud, and all the numbers: a scroll away."""
    from stability.figures.cloud import cloud_figure
    from stability.figures.pushes import pushes_figure
    from stability.figures.region import region_figure
    from stability.ui import compute

    left, right = st.columns([5, 4])
    with left:
        picture = st.segmented_control(
            "In the plane", ["region", "cloud, PCA", "cloud, UMAP"], default="region", key="picture"
        )
        if picture == "region" or picture is None:
            second = 0 if choice.direction != "eig:0" else 1
            region = compute.drawn_region(place, choice.direction, second, choice.epsilon)
            if region is None:
                st.info("This plane has a direction without curvature: there is no closed region.")
            else:
                draw(
                    region_figure(region),
                    "region",
                    "The true edge of the stable region and its ellipse; lines and names: cells of "
                    "the most likely token; grey disc: certified for every direction.",
                )
        else:
            cloud = compute.drawn_cloud(place, choice.epsilon, picture.removeprefix("cloud, "))
            draw(
                cloud_figure(cloud),
                "cloud",
                "Perturbations up to twice the predicted boundary over the top eight "
                "eigendirections; colour: KL/ε, shape: most likely token.",
            )
    with right:
        _numbers(choice, found, view)
        draw(
            pushes_figure(*found.ray.pushed(5)),
            "pushes",
            "What the direction means: tokens that gain probability on the + side, and that lose.",
        )


def _numbers(choice: Choice, found: Any, view: Any) -> None:
    """Everything on demand, each with its meaning."""
    state, ray, nearest, trust = found.state, found.ray, found.nearest_flip, found.trust_range
    first = [
        f"{side[0].text!r} at {words.number(side[0].distance)}" if side else "none"
        for side in view.flips
    ]
    _, third, fourth = ray.cumulants
    rows = [
        ("first flip −", first[0], "most likely token changes"),
        ("first flip +", first[1], "most likely token changes"),
        (
            "nearest flip",
            f"{nearest.text!r} at {words.number(nearest.distance)}" if nearest else "none",
            "over all directions",
        ),
        (
            "certified ball",
            words.number(found.certified_ball(choice.epsilon)),
            "no direction exceeds ε inside",
        ),
        (
            "token constraint bound",
            words.number(found.spectrum.spread.token_constraint_bound()),
            "a ranking of states, ε = 1",
        ),
        ("entropy", f"{words.number(state.entropy)} nats", "of the next token"),
        ("margin", f"{words.number(state.margin)}", "gap of the two largest logits"),
        ("trust range −", words.number(trust[0]), "quadratic within 10 % of the true KL"),
        ("trust range +", words.number(trust[1]), "quadratic within 10 % of the true KL"),
        ("curvature vᵀHv", words.number(ray.curvature), "κ₂: nats per squared unit"),
        ("κ₃", words.number(third), "makes the two sides differ"),
        ("κ₄", words.number(fourth), "the next term of the series"),
        (
            "r / ‖vector‖",
            f"{100 * view.predicted / state.norm:.3g} %",
            f"‖vector‖ = {state.norm:.3g}",
        ),
    ]
    with st.expander("All numbers", expanded=True):
        st.dataframe(
            [{"quantity": q, "value": v, "meaning": m} for q, v, m in rows],
            hide_index=True,
            height=250,
        )
