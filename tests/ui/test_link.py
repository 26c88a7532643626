"""Links: what is set comes back from its own link, and no link is an error."""

import base64
import zlib

import pytest
from streamlit.testing.v1 import AppTest

from stability.curvature.direction_spec import DirectionSpec
from stability.instrument.examples import EXAMPLES
from stability.ui.direction_choice import Pasted, TokenPair, Turned
from stability.ui.link import COMPRESSED, LONG


def opened(page, query=(), **session):
    """A page that only follows its link and writes it, opened by a query."""

    def script(page):
        from importlib import import_module

        import streamlit as st

        from stability.ui import link
        from stability.ui.kept import keep_shared

        place = "page" if page in ("calibration", "dictionary") else "link"
        found = import_module(f"stability.ui.pages.{page}.{place}").PAGE
        keep_shared()
        link.follow(found)
        link.write(found)
        st.session_state.query = st.query_params.to_dict()

    app = AppTest.from_function(script, args=(page,), default_timeout=60)
    for key, value in session.items():
        app.session_state[key] = value
    for key, value in dict(query).items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


def link_of(app):
    return app.session_state["query"]


def told(app):
    is_told = "link_notes" in app.session_state
    return app.session_state["link_notes"] if is_told else []


@pytest.mark.parametrize("page", ["explore", "depth", "calibration", "dictionary"])
def test_what_is_not_set_is_not_in_the_link(page):
    app = opened(page)
    assert link_of(app) == {}
    assert told(app) == []


STATES = {
    "a prompt": ("explore", {"prompt": "Once upon\na time ␣ & 100 %"}),
    "a long prompt": ("explore", {"prompt": "word ⏎ " * 400}),
    "a token": ("explore", {"position": 3}),
    "a chat": (
        "explore",
        {"chat": True, "system": "One, word.", "more_turns": 2, "turn_1": "a", "turn_2": "b\n"},
    ),
    "a block": ("explore", {"site": "a block", "block": 12}),
    "a site": ("explore", {"site": "final"}),
    "an eigendirection": ("explore", {"kind": "eigendirection", "rank": 7}),
    "a cheapest push": ("explore", {"kind": "cheapest push to a token", "goal": "␣a,␣b"}),
    "a second axis": ("explore", {"second": 0}),
    "a cloud": ("explore", {"cloud": 0.1}),
    "a turned ray": ("explore", {"rank": 2, "turns": ((30.0, 1), (-12.5, 0))}),
    "a way through the layers": (
        "depth",
        {"section": "between prompts", "prompt_b": "B", "prompt_c": "C,:", "relative": True},
    ),
    "a dictionary": (
        "dictionary",
        {
            "dictionary_path": "/a path/sae",
            "dictionary_site": "block:3",
            "dictionary_search": "␣the",
        },
    ),
    "a text to write": (
        "depth",
        {"section": "what it would write", "write_site": "block:3", "write_t": -2.5, "write_n": 9},
    ),
    "a budget": ("depth", {"epsilon": 0.1}),
    "a budget between steps": ("depth", {"epsilon": 0.826}),
    "filters": (
        "calibration",
        {
            "measurements": "gemma-3-270m",
            "shown_site": "final",
            "shown_epsilon": ["0.01", "0.1"],
            "shown_kinds": ["eig"],
            "shown_entropy": (1.5, 12.0),
            "scores_by": "entropy",
        },
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_a_link_opened_first_gives_the_state_that_it_was_written_for(name):
    page, state = STATES[name]
    query = link_of(opened(page, **state))
    assert query
    assert all(len(text) <= LONG or key.endswith(COMPRESSED) for key, text in query.items())
    again = opened(page, query)
    assert {key: again.session_state[key] for key in state} == state
    assert told(again) == []
    assert link_of(again) == query


@pytest.mark.parametrize(
    "direction",
    [
        DirectionSpec("random", 5),
        DirectionSpec("prompt", "Once: upon, a time"),
        TokenPair("␣Pa,ris", "⏎"),
        TokenPair("12", "7"),
        DirectionSpec("cheapest", "␣Pa:ris,"),
        Turned(DirectionSpec("cheapest", "7"), 30.0, 1),
        Turned(Turned(DirectionSpec("eig", 2), 30.0, 1), -12.5, 0),
    ],
    ids=str,
)
def test_every_direction_is_read_as_it_is_written(direction):
    from stability.ui.pages.explore.written import read_direction, written_direction

    assert read_direction(written_direction(direction)) == direction


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("cheapest: London", DirectionSpec("cheapest", "␣London")),
        ('tokens:[" London","\\n"]', TokenPair("␣London", "⏎")),
        ("turn:30,1,cheapest: London", Turned(DirectionSpec("cheapest", "␣London"), 30.0, 1)),
    ],
)
def test_white_space_of_a_token_in_a_link_is_shown_by_its_mark(written, read):
    from stability.ui.pages.explore.written import read_direction

    assert read_direction(written) == read


def kept_rays(model="smollm2-135m", count=2):
    from stability.ui.choice import Choice

    one = Choice(model, "Once", 0, TokenPair("a", "b"), "final")
    return (one, *(Choice(model, "Twice", 1, DirectionSpec("eig", i)) for i in range(count - 1)))


def test_rays_that_are_kept_are_part_of_the_link_and_of_the_model_that_is_used_then():
    """A fresh session follows its link before it has a model."""
    query = link_of(opened("explore", model="smollm2-135m", pins=kept_rays()))
    again = opened("explore", query)
    assert link_of(again) == query
    assert again.session_state["pins"] == kept_rays(model="")

    def page():
        from stability.ui.pages.explore.pins import take_up

        take_up("smollm2-135m")

    used = AppTest.from_function(page)
    used.session_state["pins"] = again.session_state["pins"]
    used.run()
    assert used.session_state["pins"] == kept_rays()


def test_more_rays_than_are_kept_are_left_out_of_a_link_which_says_so():
    query = link_of(opened("explore", model="smollm2-135m", pins=kept_rays(count=13)))
    again = opened("explore", query)
    [said] = told(again)
    assert "at most 12 rays; received 13" in said
    assert len(again.session_state["pins"]) == 12


@pytest.mark.parametrize("degrees", [30.0, -12.5, 1e-5, -3.55e-15, 359.999999999])
def test_degrees_of_every_size_are_read_as_they_are_written(degrees):
    from stability.curvature.direction_spec import Turn
    from stability.ui.pages.explore.written import read_direction, written_direction

    spec = DirectionSpec("turn", Turn(degrees, 1, DirectionSpec("eig", 0)))
    assert DirectionSpec.parse(str(spec)).argument.degrees == pytest.approx(degrees, abs=1e-12)
    again = read_direction(written_direction(Turned(DirectionSpec("eig", 0), degrees, 1)))
    assert again.degrees == pytest.approx(degrees, abs=1e-12)


def test_a_vector_of_ones_own_is_no_part_of_a_link_which_says_so():
    given = Pasted("mine.npy", b"[1, 2]")
    query = link_of(opened("explore", kind="a vector of your own", kept_vector=given))
    [said] = told(opened("explore", query))
    assert "upload it again" in said


def test_a_vector_in_a_file_of_this_computer_is_part_of_a_link_which_reads_it_when_asked(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("STABILITY_ALLOW_PATHS", "1")
    path = f"{tmp_path}/a, b:c.npy#3"
    given = {"kind": "a file on this computer", "direction_path": path, "direction_read": path}
    query = link_of(opened("explore", turns=((30.0, 1),), **given))
    assert query["direction"] == f"turn:30,1,file:{path}"
    again = opened("explore", query)
    state = again.session_state
    assert (state["kind"], state["direction_path"]) == (given["kind"], path)
    assert "direction_read" not in state
    assert told(again) == []
    assert link_of(again)["direction"] == query["direction"]
    monkeypatch.setenv("STABILITY_ALLOW_PATHS", "0")
    elsewhere = opened("explore", query)
    [said] = told(elsewhere)
    assert "upload the vector" in said
    assert elsewhere.session_state["kind"] == "eigendirection"


@pytest.mark.parametrize(
    ("page", "name", "text", "kept", "words"),
    [
        ("explore", "position", "-7", -1, "from -1 to"),
        ("explore", "position", "x", -1, "received 'x'"),
        ("explore", "site", "banana", "prelogit", "prelogit, final or block:L"),
        ("explore", "direction", "eig:99999", 1, "eig:0 to eig:511"),
        ("explore", "direction", "eig:x", 1, "whole and not negative"),
        ("explore", "direction", "banana:1", 1, "A direction must be"),
        ("explore", "direction", "tokens:[1]", 1, "tokens:A,B"),
        ("explore", "direction", "turn:1,1," * 9 + "eig:0", 1, "at most 8 turns"),
        ("explore", "direction", "turn:1000,1,eig:0", 1, "at most 360 degrees"),
        ("explore", "direction", "turn:10,400000000,eig:0", 1, "towards 0 to 511"),
        ("explore", "position", "1" * 400, -1, "from -1 to"),
        ("explore", "second", "-1", None, "a rank from 0"),
        ("explore", "second", "500", None, "a rank from 0 to 15"),
        ("explore", "site", "block:900", "a block", "block:0 to block:511"),
        ("explore", "cloud", "7", None, "from 0.0001 to 3 nats"),
        ("explore", "pins", '[["x", false, -5, "final", "eig:0"]]', (), "left out"),
        ("explore", "chat", "3", False, "left out"),
        ("explore", "chat", '{"system": 1, "turns": []}', False, "left out"),
        ("explore", "pins", "[" * 10_000, (), "left out"),
        ("explore", "pins", '[["x", false, 0, "final", "eig:x"]]', (), "left out"),
        ("explore", "prompt_z", "!!!", EXAMPLES["a sure fact"].prompt, "is damaged"),
        ("explore", "prompt_z", "AAAA", EXAMPLES["a sure fact"].prompt, "is damaged"),
        ("depth", "epsilon", "99", 3.0, "0.0001 to 3 nats"),
        ("depth", "epsilon", "nan", 1e-4, "0.0001 to 3 nats"),
        ("depth", "section", "none such", "all tokens", "all tokens, one token"),
        ("depth", "write_n", "1e9", 24, "from 5 to 40"),
        ("depth", "write_n", "900", 40, "from 5 to 40"),
        ("calibration", "shown_entropy", "5,1", (0.0, 12.0), "two ends from 0 to 12"),
        ("calibration", "measurements", "x", "smollm2-135m", "smollm2-135m, gemma"),
    ],
)
def test_what_cannot_be_is_changed_and_said_in_one_sentence(page, name, text, kept, words):
    app = opened(page, {name: text})
    [said] = told(app)
    assert words in said
    assert "\n" not in said
    key = {"direction": "rank", "prompt_z": "prompt"}.get(name, name)
    assert app.session_state[key] == kept


def test_a_text_that_would_fill_the_memory_is_cut():
    bomb = base64.urlsafe_b64encode(zlib.compress(b"0" * 50_000_000)).decode()
    app = opened("explore", {"prompt_z": bomb})
    assert len(app.session_state["prompt"]) <= 1_000_000
    [said] = told(app)
    assert "was cut" in said


def changed(app, prompt):
    """Set a prompt, of which the browser has not shown the link yet; return the link before."""
    before = link_of(app)
    app.session_state["prompt"] = prompt
    app.run()
    assert link_of(app) == {"prompt": prompt}
    return before


def sent(app, query):
    """Run the page as a browser that shows a query."""
    app.query_params.clear()
    app.query_params.update(query)
    app.run()
    assert not app.exception


def test_the_back_button_takes_back_what_was_set():
    """The browser runs the page with an earlier query, once it has shown the one written last."""
    app = opened("explore", prompt="first")
    before = changed(app, "second")
    app.run()
    sent(app, before)
    assert app.session_state["prompt"] == "first"
    sent(app, {})
    assert app.session_state["prompt"] == EXAMPLES["a sure fact"].prompt


def test_the_back_button_takes_back_what_has_only_just_been_set(monkeypatch):
    app = opened("explore", prompt="first")
    before = changed(app, "second")
    monkeypatch.setattr("stability.ui.link._is_back_or_forward", lambda: True)
    sent(app, before)
    assert app.session_state["prompt"] == "first"


def test_what_a_browser_sends_before_it_shows_the_newest_link_sets_nothing_back():
    app = opened("explore", prompt="first")
    before = changed(app, "second")
    sent(app, before)
    sent(app, before)
    assert app.session_state["prompt"] == "second"
    # it is written again, as the browser may have lost it
    assert link_of(app) == app.query_params == {"prompt": "second"}


def test_a_page_that_is_opened_twice_keeps_what_is_set():
    """A browser that opens it again has an empty link, as that of the first time is on its way."""
    app = opened("calibration", predictor="four moments", shown_epsilon=["1"])
    sent(app, {})
    assert app.session_state["predictor"] == "four moments"
    assert link_of(app) == {"predictor": "four moments", "shown_epsilon": "1"}


def test_what_the_browser_has_written_is_left_in_the_link():
    app = opened("explore", {"epsilon": "0.5", "zoom": "1,2", "prompt": "x"})
    app.session_state["prompt"] = "y"
    app.run()
    assert link_of(app) == {"epsilon": "0.5", "zoom": "1,2", "prompt": "y"}
