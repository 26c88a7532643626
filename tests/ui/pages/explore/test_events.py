"""What a browser asks for, as changes of the session."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.ui.choice import Choice

VIEW = {"epsilon": 0.02, "relative": True}


def answered(*events, **session):
    """The session after events of a browser."""

    def page(events):
        from stability.ui.pages.explore.events import answer

        for event in events:
            answer(event)

    seen = [{"view": VIEW, **event} for event in events]
    app = AppTest.from_function(page, args=(seen,), default_timeout=60)
    for key, value in session.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app.session_state


def test_a_token_is_chosen():
    assert answered({"kind": "position", "position": 3})["position"] == 3


def test_an_eigendirection_is_chosen_and_takes_back_the_turns():
    session = answered({"kind": "direction", "rank": 2}, turns=((30.0, 1),))
    assert (session["kind"], session["rank"], session["turns"]) == ("eigendirection", 3, ())


def test_a_direction_between_two_tokens_is_chosen():
    session = answered({"kind": "towards", "from": 5, "to": 7})
    assert (session["start"], session["end"]) == ("5", "7")


def test_the_second_axis_is_chosen():
    assert answered({"kind": "second", "rank": 4})["second"] == 4


def test_a_kept_ray_is_let_go_by_its_place():
    pins = tuple(Choice("m", "p", i, DirectionSpec("eig", 0)) for i in range(3))
    assert answered({"kind": "unpin", "index": 1}, pins=pins)["pins"] == (pins[0], pins[2])


def test_a_refusal_is_counted_so_that_the_same_one_is_said_again():
    kept = tuple(Choice("m", "p", i, DirectionSpec("eig", 0)) for i in range(12))
    asked = Choice("m", "another", 0, DirectionSpec("eig", 0))
    session = answered({"kind": "pin"}, {"kind": "pin"}, pins=kept, choice=asked)
    assert session["refused"] == ["At most 12 rays are kept: let one of them go first."]
    assert session["refusals"] == 2


def test_starting_again_looks_from_the_last_token_along_the_first_eigendirection():
    session = answered({"kind": "reset"}, position=2, rank=5, site="final", second=3, pins=(1,))
    assert (session["position"], session["rank"], session["site"]) == (-1, 1, "prelogit")
    assert (session["second"], session["pins"]) == (None, ())


def test_what_has_been_asked_for_last_is_stopped_and_gone_on_with():
    asked = Choice("m", "a prompt", 0, DirectionSpec("eig", 0))
    session = answered({"kind": "stop"}, choice=asked)
    assert session["stopped"] == asked
    assert answered({"kind": "stop"}, {"kind": "go on"}, choice=asked)["stopped"] is None


def test_a_cloud_is_asked_for_with_its_budget_and_taken_back_for_the_region():
    assert answered({"kind": "cloud", "epsilon": 0.1})["cloud"] == 0.1
    assert answered({"kind": "cloud", "epsilon": None}, cloud=0.1)["cloud"] is None
    assert answered({"kind": "cloud", "epsilon": -1.0}, cloud=0.1)["cloud"] == 0.1


def test_one_ray_is_kept_once_wherever_its_token_is_counted_from():
    ray = Choice("m", "p", -1, DirectionSpec("eig", 0), second=3)

    def page(ray):
        from dataclasses import replace

        from stability.ui.pages.explore.pins import keep

        keep(ray, 5)
        keep(replace(ray, position=4, second=None), 5)
        keep(replace(ray, position=3), 5)

    app = AppTest.from_function(page, args=(ray,))
    app.run()
    assert [pin.position for pin in app.session_state["pins"]] == [-1, 3]


def test_a_thirteenth_ray_is_refused_in_one_sentence():
    pins = tuple(Choice("m", "p", i, DirectionSpec("eig", 0)) for i in range(12))
    session = answered(
        {"kind": "pin"}, pins=pins, choice=Choice("m", "other", 0, DirectionSpec("eig", 0))
    )
    [said] = session["refused"]
    assert "At most 12 rays" in said
    assert session["pins"] == pins


def test_a_ninth_turn_is_refused_as_a_link_would_refuse_it():
    turned = pytest.raises(StabilityError, match="8 times at most")

    def page():
        from stability.ui.choice import turn_by

        for rank in range(1, 9):
            turn_by(1.0, rank)

    app = AppTest.from_function(page)
    app.run()
    assert len(app.session_state["turns"]) == 8
    with turned:
        DirectionSpec.parse("turn:1,1," * 9 + "eig:0")
    app.run()
    assert "8 times at most" in app.exception[0].message


@pytest.mark.parametrize("kind", ["view", "pin", "turn", "unknown"])
def test_the_view_is_kept_with_every_event(kind):
    """The other pages' slider has fewer steps."""
    session = answered({"kind": kind, "degrees": 10})
    assert (session["view"], session["epsilon"], session["relative"]) == (VIEW, 0.02, True)


@pytest.mark.parametrize(("asked", "kept"), [(0.826, 0.826), (9.0, 3.0), (0.0, 1e-4)])
def test_other_pages_have_the_very_budget_within_those_that_can_be_asked_for(asked, kept):
    assert answered({"kind": "view", "view": {"epsilon": asked}})["epsilon"] == kept


def test_a_vector_that_a_link_has_lost_is_asked_for_until_it_is_given():
    def page():
        import streamlit as st

        from stability.ui.pages.explore.events import notes

        st.json(notes())

    from stability.ui.pages.explore.written import LOST

    session = {"link_notes": [f"The link: {LOST}", "Another."], "kind": "a vector of your own"}
    for given, said in (({}, 2), ({"numbers": "[1.0]"}, 1), ({"kind": "random"}, 1)):
        app = AppTest.from_function(page, default_timeout=60)
        for key, value in (session | given).items():
            app.session_state[key] = value
        [told] = app.run().json
        assert len(json.loads(told.value)) == said
