"""The Depth page, rerun without a browser: what it says is what the library says."""

import json
from base64 import b64decode

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support.models import FAMILIES, PROMPT, SENTENCES, save_model
from support.paths import ROOT

import stability
from stability.geometry.continuation import LEAST_KL
from stability.geometry.depth import depth, depth_check, depth_map
from stability.geometry.interpolation import interpolation
from stability.models.generation import continuations
from stability.ui import wording
from stability.ui.pages.depth import LONGEST, QUICK, SECTIONS
from stability.ui.widgets import controls

DEPTH = "pages/1_Depth.py"
TOKENS, TOKEN, WRITING, BETWEEN = SECTIONS
LONG = "the cat sat on the mat, a dog ran after the cat"
LAYERS, CONTEXT = 3, 64
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
every_section = pytest.mark.parametrize("section", SECTIONS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    config = FAMILIES["llama"]()
    config.num_hidden_layers, config.max_position_embeddings = LAYERS, CONTEXT
    return str(save_model(tmp_path_factory.mktemp("tiny"), config))


@pytest.fixture
def folder(saved, monkeypatch):
    """A tiny model, among those that are offered: Streamlit's tests know no other options."""
    monkeypatch.setattr(controls, "MODELS", (*controls.MODELS, saved))
    return saved


@pytest.fixture(scope="module")
def lm(saved):
    """The same model, loaded once more for the library's own answers."""
    return stability.load(saved, device="cpu")


def opened(**session):
    """The Depth page, opened with what was set before."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page(DEPTH)
    for key, value in session.items():
        app.session_state[key] = value
    return app.run()


@pytest.fixture
def page(folder):
    app = opened(model=folder, prompt=PROMPT)
    assert not app.exception
    assert not app.error
    return app


def look_at(page, section):
    page.segmented_control(key="section").set_value(section).run()
    assert not page.exception


def press(page, label):
    [button] = [button for button in page.button if button.label.startswith(label)]
    button.click().run()
    assert not page.exception


def labels(page):
    return [button.label for button in page.button]


def array(part):
    """What Plotly sends of an array."""
    return np.frombuffer(b64decode(part["bdata"]), part["dtype"]).reshape(
        [int(n) for n in part["shape"].split(",")] if "shape" in part else -1
    )


def pictures(page):
    """The figures on the page by their keys, as they are sent."""
    found = {}
    for chart in page.get("plotly_chart"):
        found[chart.proto.id.rpartition("-")[2]] = json.loads(chart.proto.spec)
    return found


def map_shown(page):
    return 10 ** array(pictures(page)["depth_map"]["data"][0]["z"])


def headline(page):
    [text] = [m.value for m in page.markdown if m.value.startswith("**")]
    return text


# --- all tokens -----------------------------------------------------------------------------------


def test_the_page_opens_with_the_map_of_the_default_prompt(smollm2_folder):
    page = opened()
    assert not page.exception
    assert not page.error
    prompt = page.text_area(key="prompt").value
    assert prompt == "The capital of France is"
    lm = stability.load("smollm2-135m")
    found = map_shown(page)
    assert found.shape == (len(lm.tokenize(prompt)), lm.card.n_layers)
    expected = depth(lm.capture(prompt, site="block:0")).radii(0.01)
    # the picture is sent in float32, and so the network runs
    assert found[-1].tolist() == pytest.approx(expected, rel=1e-3)


def test_the_map_has_the_librarys_radius_of_every_token_at_every_block(page, lm):
    found = depth_map(lm.capture_all(PROMPT, "block:0"))
    expected = np.array([one.radii(0.01) for one in found])
    assert expected.shape == (len(lm.tokenize(PROMPT)), LAYERS)
    np.testing.assert_allclose(map_shown(page), expected, rtol=1e-4)  # sent in float32
    page.select_slider(key="epsilon").set_value(0.1).run()
    np.testing.assert_allclose(map_shown(page), expected * 10**0.5, rtol=1e-4)
    page.toggle(key="relative").set_value(True).run()
    norms = np.stack([one.norms for one in found])
    np.testing.assert_allclose(map_shown(page), 1000**0.5 * 10 * expected / norms, rtol=1e-4)
    assert "% of ‖vector‖" in json.dumps(pictures(page), ensure_ascii=False)


def test_the_map_marks_the_token_that_is_looked_at(page):
    last = len(map_shown(page)) - 1

    def marked():
        [frame] = pictures(page)["depth_map"]["layout"]["shapes"]
        return (frame["y0"] + frame["y1"]) / 2

    assert marked() == last
    page.session_state["position"] = 1
    page.run()
    assert marked() == 1


def test_a_long_prompt_waits_for_its_button(folder, lm):
    page = opened(model=folder, prompt=LONG)
    n = len(lm.tokenize(LONG))
    assert n > QUICK
    assert not pictures(page)
    assert labels(page) == [f"Measure {n} tokens at every block (about a second each)"]
    press(page, "Measure")
    assert map_shown(page).shape == (n, LAYERS)
    assert labels(page) == []
    look_at(page, TOKEN)
    look_at(page, TOKENS)  # what is measured is there at once
    assert map_shown(page).shape == (n, LAYERS)


def test_a_cell_opens_explore_at_its_token_and_block(page, lm):
    """Streamlit's tests cannot click a picture: this is what the click leaves."""
    page.session_state["opened"] = True
    page.session_state["position"] = 1
    page.session_state["site"], page.session_state["block"] = "a block", 1
    page.run()
    assert not page.exception
    assert page.markdown[0].value.startswith("#### Stable regions")
    state = lm.capture(PROMPT, 1, "block:1")
    ray = stability.ray(state, stability.spectrum(state).vectors[:, 0])
    shown = {metric.label: metric.value for metric in page.metric}
    assert shown["predicted r"] == wording.number(ray.predicted_radius(0.01))


# --- one token ------------------------------------------------------------------------------------


@pytest.fixture
def measured(page):
    look_at(page, TOKEN)
    assert not pictures(page)
    press(page, "Measure this token")
    return page


def library(lm, position, epsilon):
    states = lm.capture_depth(PROMPT, position)
    found = depth(states[0])
    return found, depth_check(found, states, epsilon)


def test_one_token_shows_the_closed_form_against_the_truth_at_every_block(measured, lm):
    assert set(pictures(measured)) == {"across", "curves", "alignment"}
    _, expected = library(lm, -1, 0.01)
    [table] = [frame.value for frame in measured.dataframe]
    assert table["block"].tolist() == list(range(LAYERS))
    assert table["predicted"].tolist() == [wording.number(r) for r in expected.predicted]
    for column, side in (("actual −", 0), ("actual +", 1)):
        ends = [
            wording.number(t) if np.isfinite(t) else "not reached" for t in expected.actual.T[side]
        ]
        assert table[column].tolist() == ends
    reached = np.isfinite(expected.actual)
    errors = np.abs(expected.predicted[:, None] / expected.actual - 1)[reached]
    near, median = int((errors <= 0.1).sum()), wording.percent(float(np.median(errors)))
    assert f"In {near} of {2 * LAYERS} cases" in headline(measured)
    assert f"median error is {median}" in headline(measured)


def test_the_pictures_of_one_token_hold_the_librarys_numbers(measured, lm):
    found, expected = library(lm, -1, 0.01)
    alignment = array(pictures(measured)["alignment"]["data"][0]["z"])
    np.testing.assert_allclose(alignment, found.alignment, atol=1e-6)
    traces = {trace["name"]: trace for trace in pictures(measured)["across"]["data"]}
    np.testing.assert_allclose(array(traces["predicted r"]["y"]), expected.predicted, rtol=1e-6)
    measured.toggle(key="relative").set_value(True).run()
    traces = {trace["name"]: trace for trace in pictures(measured)["across"]["data"]}
    np.testing.assert_allclose(
        array(traces["predicted r"]["y"]), 100 * expected.predicted / found.norms, rtol=1e-6
    )


def test_another_token_or_epsilon_is_asked_for_anew(measured, lm):
    measured.selectbox(key="depth_position").set_value(2).run()
    assert not pictures(measured)
    press(measured, "Measure this token")
    _, expected = library(lm, 2, 0.01)
    [table] = [frame.value for frame in measured.dataframe]
    assert table["predicted"].tolist() == [wording.number(r) for r in expected.predicted]
    measured.select_slider(key="epsilon").set_value(0.1).run()
    assert not pictures(measured)
    assert labels(measured)[-1].startswith("Measure this token")


# --- what it would write --------------------------------------------------------------------------


def test_what_is_written_is_what_the_library_writes(page, lm):
    look_at(page, WRITING)
    page.selectbox(key="write_site").set_value("block:1").run()
    page.slider(key="write_n").set_value(8).run()
    page.number_input(key="write_t").set_value(-5.0).run()
    state = lm.capture(PROMPT, site="block:1")
    v = stability.spectrum(state).vectors[:, 0]
    r = stability.ray(state, v).predicted_radius(0.01)
    places = {
        "t = 0": 0,
        "r/2": r / 2,
        "r": r,
        "2r": 2 * r,
        "−r": -r,
        "−2r": -2 * r,
    }
    for sign, side in zip((-1, 1), stability.ray(state, v).flips(1), strict=True):
        for flip in side:
            places[f"{sign * flip.distance:.3g}, past a flip"] = sign * 1.02 * flip.distance
    places["t = -5"] = -5.0
    texts = continuations(lm, state, v, [float(t) for t in places.values()], 8)
    shown = [m.value for m in page.markdown if m.value.startswith("**")]
    assert shown == [
        f"**{name}** &nbsp; {wording.written(text)}"
        for name, text in zip(places, texts, strict=True)
    ]
    notes = [caption.value for caption in page.caption]
    assert any(f"r = {wording.number(r)} at ε = 0.01 nats" in note for note in notes)
    assert [note for note in notes if note in map(wording.steps, texts)] == [
        *map(wording.steps, texts)
    ]
    lines = [t for t in pictures(page)["writing"]["data"] if t["mode"] == "lines"]
    assert [line["name"] for line in lines] == [*places][1:]
    for line, text in zip(lines, texts[1:], strict=True):
        np.testing.assert_allclose(array(line["y"]), np.maximum(text.kl, LEAST_KL), rtol=1e-3)


@pytest.mark.parametrize(
    ("site", "sentence"),
    [("prelogit", "only through the token"), ("final", "only through"), ("block:0", "also stays")],
)
def test_it_is_said_where_a_push_stays(page, site, sentence):
    look_at(page, WRITING)
    page.selectbox(key="write_site").set_value(site).run()
    assert not page.exception
    assert not page.error
    assert any(sentence in caption.value for caption in page.caption)


def test_a_text_without_room_is_one_sentence(folder, lm):
    n = len(lm.tokenize("z" * (CONTEXT - 10)))
    page = opened(model=folder, prompt="z" * (CONTEXT - 10), section=WRITING)
    assert not page.exception
    [error] = page.error
    assert f"there is room for {CONTEXT - n}, not for 24" in error.value.replace("\\", "")
    page.slider(key="write_n").set_value(5).run()
    assert not page.error
    assert LONGEST <= CONTEXT


# --- between prompts ------------------------------------------------------------------------------


def test_the_way_between_prompts_has_the_librarys_edges(page, lm):
    look_at(page, BETWEEN)
    page.text_input(key="path_b").set_value(SENTENCES[1]).run()
    page.number_input(key="path_block").set_value(1).run()
    assert not page.exception
    a, b = (lm.capture(prompt, site="block:1") for prompt in (PROMPT, SENTENCES[1]))
    way = interpolation(a, b)
    said = headline(page)
    assert f"‖B − A‖ = {wording.number(way.length)}." in said
    assert f"The steepest edge is at α = {way.edge:.2g}." in said
    assert f"puts the boundary (KL = ε) at α = {wording.number(way.predicted(0.01)[0])}; " in said
    actual = way.actual(0.01)[0]
    assert ("not reached" if actual is None else f"it is at {wording.number(actual)}.") in said
    kl = next(t for t in pictures(page)["path"]["data"] if t.get("name") == "KL from A")
    np.testing.assert_allclose(array(kl["y"]), way.kl, rtol=1e-4, atol=1e-7)


def test_the_plane_of_three_prompts_waits_for_its_button(page):
    look_at(page, BETWEEN)
    page.text_input(key="path_b").set_value(SENTENCES[1]).run()
    page.text_input(key="path_c").set_value(SENTENCES[2]).run()
    assert set(pictures(page)) == {"path"}
    press(page, "Draw the plane")
    assert not page.error
    assert set(pictures(page)) == {"path", "slice"}
    page.text_input(key="path_c").set_value("a dog").run()
    assert set(pictures(page)) == {"path"}


@pytest.mark.parametrize("b", [PROMPT, ""])
def test_another_prompt_that_will_not_do_is_one_sentence(page, b):
    look_at(page, BETWEEN)
    page.text_input(key="path_b").set_value(b).run()
    assert not page.exception
    [error] = page.error
    expected = "lead to another state" if b else "at least one token"
    assert expected in error.value


def test_a_plane_without_two_directions_is_one_sentence(page):
    look_at(page, BETWEEN)
    page.text_input(key="path_b").set_value(SENTENCES[1]).run()
    page.text_input(key="path_c").set_value(SENTENCES[1]).run()
    press(page, "Draw the plane")
    assert len(page.error) == 1
    assert set(pictures(page)) == {"path"}


# --- the page -------------------------------------------------------------------------------------


@every_section
def test_an_empty_prompt_is_one_sentence(folder, section):
    page = opened(model=folder, prompt="", section=section)
    assert not page.exception
    [error] = page.error
    assert "at least one token" in error.value
    page.text_area(key="prompt").set_value(PROMPT).run()
    assert not page.exception
    assert not page.error


@every_section
def test_a_model_that_is_none_is_one_sentence(section, tmp_path, monkeypatch):
    nothing = str(tmp_path / "nothing")
    monkeypatch.setattr(controls, "MODELS", (nothing,))
    page = opened(model=nothing, section=section)
    assert not page.exception
    assert len(page.error) == 1


@every_section
def test_a_prompt_of_one_token_is_enough(folder, section):
    page = opened(model=folder, prompt="z", section=section)
    assert not page.exception
    assert not page.error


def test_what_is_set_on_one_page_is_still_set_on_the_other(page, folder):
    look_at(page, TOKEN)
    page.text_area(key="prompt").set_value("a dog ran").run()
    page.selectbox(key="depth_position").set_value(1).run()
    page.select_slider(key="epsilon").set_value(0.1).run()
    page.toggle(key="relative").set_value(True).run()
    explore = page.switch_page("app.py").run()
    assert not explore.exception

    def is_set(app):
        return (
            app.selectbox(key="model").value,
            app.text_area(key="prompt").value,
            app.select_slider(key="epsilon").value,
            app.toggle(key="relative").value,
            app.session_state["position"],
        )

    assert is_set(explore) == (folder, "a dog ran", 0.1, True, 1)
    explore.selectbox(key="kind").set_value("random").run()
    explore.text_area(key="prompt").set_value("the cat").run()
    back = explore.switch_page(DEPTH).run()
    assert not back.exception
    assert is_set(back) == (folder, "the cat", 0.1, True, -1)
    again = back.switch_page("app.py").run()
    assert again.selectbox(key="kind").value == "random"


def test_a_new_prompt_is_looked_at_where_it_goes_on(page, lm):
    look_at(page, TOKEN)
    page.selectbox(key="depth_position").set_value(0).run()
    page.text_area(key="prompt").set_value("a dog ran").run()
    assert page.selectbox(key="depth_position").value == len(lm.tokenize("a dog ran")) - 1
