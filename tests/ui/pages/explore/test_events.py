"""What a browser asks for, as changes of the session."""

import pytest
from streamlit.testing.v1 import AppTest

from stability.curvature.direction_spec import DirectionSpec
from stability.ui.choice import Choice

VIEW = {"epsilon": 0.02, "relative": True}


def answered(*events, **session):
    """The session after events of a browser."""

    def page(events):
        from stability.ui.pages.explore.events import answer

        for event in events:
            answer(event)

    app = AppTest.from_function(page, args=([{"view": VIEW, **event} for event in events],))
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


def test_starting_again_looks_from_the_last_token_along_the_first_eigendirection():
    session = answered({"kind": "reset"}, position=2, rank=5, site="final", second=3, pins=(1,))
    assert (session["position"], session["rank"], session["site"]) == (-1, 1, "prelogit")
    assert (session["second"], session["pins"]) == (None, ())


def test_a_cloud_is_asked_for_with_its_budget():
    assert answered({"kind": "cloud", "epsilon": 0.1})["cloud"] == 0.1


@pytest.mark.parametrize("kind", ["view", "pin", "turn", "unknown"])
def test_the_view_is_kept_with_every_event(kind):
    """The other pages' slider has fewer steps."""
    session = answered({"kind": kind, "degrees": 10})
    assert (session["view"], session["epsilon"], session["relative"]) == (VIEW, 0.02, True)
