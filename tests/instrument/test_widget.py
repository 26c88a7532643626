"""The instrument in a notebook: the widget's answers, and its front end as a notebook mounts it."""

import base64
import sys
from dataclasses import replace

import numpy as np
import pytest

import stability
from stability.instrument import exploration
from stability.instrument.plane import FLAT
from stability.instrument.widget import Instrument

# what a notebook's front end gives to a widget, the messages to the kernel kept
RENDER = """async ([text, style, scene, view]) => {
    const sheet = document.createElement("style");
    sheet.textContent = style;
    document.head.append(sheet);
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const module = await import(url);
    URL.revokeObjectURL(url);
    const state = { scene, view }, listeners = {}, sent = [];
    const model = {
        get: (name) => state[name],
        set: (name, value) => (state[name] = value),
        on: (name, listener) => (listeners[name] = listener),
        off: (name) => delete listeners[name],
        save_changes: () => {},
        send: (event) => sent.push(event),
    };
    const el = document.body.appendChild(document.createElement("div"));
    const remove = module.default.render({ model, el });
    Object.assign(globalThis, { state, listeners, sent, el, remove });
    for (let i = 0; i < 4; i += 1) await new Promise(requestAnimationFrame);
}"""


def states(n=3, V=60, d=6):
    random = np.random.default_rng(0)
    W = random.normal(size=(V, d))
    one = stability.bare_state(W, random.normal(size=d))
    tokens = tuple(stability.Token(i, i, f"<{i}>") for i in range(n))
    return [replace(one, vector=one.vector * (1 + i), position=i, tokens=tokens) for i in range(n)]


@pytest.fixture
def widget():
    return stability.explore(states())


def events(widget, *asked):
    for event in asked:
        widget.answer({"view": {}, **event})
    return widget.scene


def test_the_scene_is_that_of_the_last_state_along_its_first_eigendirection(widget):
    setting = widget.scene["setting"]
    assert (setting["position"], setting["direction"]["spec"]) == (2, "eig:0")
    assert widget.scene["line"]["kind"] == "exact"
    assert widget.scene["plane"]["exact"]
    assert [token["radius"] is not None for token in widget.scene["tokens"]] == [True] * 3


def test_events_change_what_is_looked_at(widget):
    scene = events(widget, {"kind": "position", "position": 0}, {"kind": "direction", "rank": 2})
    assert scene["setting"]["position"] == 0
    assert scene["setting"]["direction"]["rank"] == 2
    assert scene["setting"]["second"]["rank"] == 0
    scene = events(widget, {"kind": "second", "rank": 3})
    assert scene["setting"]["second"]["rank"] == 3
    scene = events(widget, {"kind": "towards", "from": 1, "to": 4})
    assert scene["setting"]["direction"]["spec"] == "tokens:1,4"


def test_rays_are_kept_and_let_go_and_a_reset_begins_again(widget):
    scene = events(widget, {"kind": "pin"}, {"kind": "direction", "rank": 1}, {"kind": "pin"})
    assert [pin["setting"]["direction"]["rank"] for pin in scene["pins"]] == [0, 1]
    scene = events(widget, {"kind": "unpin", "index": 0})
    assert [pin["setting"]["direction"]["rank"] for pin in scene["pins"]] == [1]
    scene = events(widget, {"kind": "reset"})
    assert scene["pins"] == []
    assert scene["setting"]["direction"]["rank"] == 0


def test_what_cannot_be_is_said_and_the_picture_stays(widget):
    before = widget.scene
    scene = events(widget, {"kind": "position", "position": 9})
    assert "received position 9" in scene["notes"][0]
    assert scene["line"] == before["line"]
    scene = events(widget, {"kind": "towards", "from": 1, "to": 1})
    assert scene["notes"]
    assert events(widget, {"kind": "second", "rank": 1})["notes"] == []


def test_what_is_refused_twice_is_sent_twice(widget):
    sent = []
    widget.observe(lambda change: sent.append(change["new"]["notes"]), "scene")
    events(widget, *[{"kind": "position", "position": 9}] * 2)
    assert len(sent) == 2
    assert sent[0] == sent[1] != []


def test_a_vector_is_a_direction_and_a_flat_plane_is_said():
    widget = stability.explore(states()[0], np.ones(6), k=2)
    direction = widget.scene["setting"]["direction"]
    numbers = np.frombuffer(base64.b64decode(direction.pop("vector")), "<f8")
    np.testing.assert_array_equal(numbers, widget.exploration.look.asked.vector.numpy())
    assert direction == {
        **{"spec": None, "kind": "file", "label": "your vector", "rank": None, "distance": None}
    }
    flat = stability.bare_state(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.3, 1.0]))
    assert stability.explore(flat).scene["plane_note"] == FLAT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "received 0, at no site"),
        ([states()[0], stability.bare_state(np.eye(3), np.ones(3))], "of one prompt at one site"),
    ],
)
def test_states_that_do_not_belong_together_are_refused(given, said):
    with pytest.raises(stability.StabilityError, match=said):
        stability.explore(given)


@pytest.mark.parametrize("direction", ["prompt:another", "covariance:1"])
def test_a_direction_that_needs_a_model_asks_for_it(direction):
    with pytest.raises(stability.StabilityError, match="lm=lm"):
        stability.explore(states(), direction)


def test_a_ray_is_turned_in_the_plane_that_is_shown(widget):
    scene = events(widget, {"kind": "turn", "degrees": 30.0})
    assert scene["setting"]["direction"]["spec"] == "turn:30,1,eig:0"
    assert scene["setting"]["second"]["rank"] == 1


def test_a_ray_turned_to_and_fro_many_times_is_the_one_turned_by_the_sum(widget):
    for degrees in (20.0, -15.0) * 10:
        scene = events(widget, {"kind": "turn", "degrees": degrees})
    assert scene["notes"] == []
    assert scene["setting"]["direction"]["spec"] == "turn:50,1,eig:0"


def test_a_ray_turned_onto_the_axis_of_its_plane_is_shown_and_its_plane_is_not(widget):
    scene = events(widget, {"kind": "turn", "degrees": 90.0})
    axis = events(widget, {"kind": "direction", "rank": 1})
    assert scene["line"]["variance"] == pytest.approx(axis["line"]["variance"], rel=1e-9)
    assert scene["plane"] is None
    assert "parallel" in scene["plane_note"]


def test_what_is_asked_for_in_vain_is_forgotten(widget, monkeypatch):
    for event in ({"kind": "second", "rank": 9}, {"kind": "direction", "rank": 60}):
        before = widget.scene
        scene = events(widget, event)
        assert scene["notes"]
        assert {**scene, "notes": [], "noted": before.get("noted")} == {"noted": None, **before}
        assert events(widget, {"kind": "pin"})["notes"] == []
    monkeypatch.setattr(exploration, "line", refuse)
    scene = events(widget, {"kind": "direction", "rank": 2})
    assert scene["notes"] == ["no"]
    assert scene["setting"]["direction"]["rank"] == 0
    monkeypatch.undo()
    # the picture is that of what is looked at
    scene = events(widget, {"kind": "second", "rank": 3})
    assert scene["setting"]["direction"]["rank"] == 0


def refuse(_):
    raise stability.StabilityError("no")


def test_a_ray_is_kept_and_let_go_without_being_found_again(widget, monkeypatch):
    before = widget.scene
    monkeypatch.setattr(exploration, "line", refuse)
    assert events(widget, {"kind": "pin"})["pins"] == [exploration.pin(before)]
    assert events(widget, {"kind": "unpin", "index": 0}) == before


def test_the_radii_of_the_tokens_are_found_once(widget, monkeypatch):
    before = widget.scene["tokens"]
    monkeypatch.setattr(exploration, "token_map", refuse)
    scene = events(widget, {"kind": "position", "position": 0}, {"kind": "second", "rank": 2})
    assert scene["notes"] == []
    assert scene["tokens"] == before


@pytest.mark.parametrize("epsilon", [1e-4, 0.01, 3.0])
def test_a_budget_that_the_instrument_can_be_set_to_is_set(epsilon):
    assert stability.explore(states()[0], epsilon=epsilon).view == {"epsilon": epsilon}


@pytest.mark.parametrize("epsilon", [-1.0, 0.0, 9.9e-5, 3.1, 100.0, float("nan"), float("inf")])
def test_a_budget_that_it_cannot_be_set_to_is_refused(epsilon):
    with pytest.raises(stability.StabilityError, match="Epsilon must be"):
        stability.explore(states()[0], epsilon=epsilon)


def test_without_anywidget_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "stability.instrument.widget")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(stability.StabilityError, match=r"pip install 'stability\[notebook\]'"):
        stability.explore(states())


@pytest.fixture
def page(widget, browser):
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("about:blank")
    page.evaluate(RENDER, [Instrument._esm, Instrument._css, widget.scene, widget.view])
    yield page
    page.close()
    assert errors == []


@pytest.mark.browser
@pytest.mark.slow
def test_a_notebook_draws_the_instrument_and_keeps_its_view(page):
    assert page.get_by_test_id("figure-ray").is_visible()
    before = page.get_by_test_id("predicted").text_content()
    page.get_by_test_id("epsilon").press("ArrowRight")
    page.wait_for_function("state.view.epsilon > 0.01")
    assert page.get_by_test_id("predicted").text_content() != before
    assert page.evaluate("sent") == []


@pytest.mark.browser
@pytest.mark.slow
def test_what_a_notebook_asks_the_kernel_for_comes_back_as_a_scene(page, widget):
    page.get_by_test_id("token-0").click()
    [event] = page.evaluate("sent")
    assert (event["kind"], event["position"]) == ("position", 0)
    widget.answer(event)
    page.evaluate("(scene) => { state.scene = scene; listeners['change:scene'](); }", widget.scene)
    chosen = page.get_by_test_id("token-0").and_(page.locator("[aria-pressed=true]"))
    chosen.wait_for()
    page.evaluate("remove()")
    assert page.evaluate("el.children.length") == 0
    assert page.evaluate("Object.keys(listeners)") == []
