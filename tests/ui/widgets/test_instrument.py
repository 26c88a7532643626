"""What a browser asks for is done once, and stays done where the browser sets its widgets back."""

import pytest
from streamlit.testing.v1 import AppTest

BEFORE = {"kind": "eigendirection", "rank": 1, "start": "a", "end": "b", "turns": ((30.0, 1),)}
TOWARDS = {"kind": "towards", "from": 5, "to": 7}
NAMED = {"kind": "token difference", "start": "5", "end": "7"}


def _page(batches, is_settled):
    """Hear of several batches of events; between them a session is changed as named there."""
    import streamlit as st

    from stability.ui.pages.explore import events
    from stability.ui.widgets import instrument

    hearing = []
    instrument._component = lambda *_: (
        lambda on_events_change, **_: hearing.append(on_events_change)
    )
    instrument.load_scripts(events.answer)
    for changes, batch in batches:
        st.session_state.update(changes)
        st.session_state.instrument_scripts = {"events": batch}
        hearing[-1]()
        if is_settled:
            instrument.settle()


@pytest.fixture
def after(monkeypatch):
    """The session after batches of events, by their numbers, and changes before each."""
    from stability.ui.widgets import instrument

    monkeypatch.setattr(instrument, "_component", None)

    def heard(*batches, is_settled=False):
        numbered = [
            (changes, [{"view": {}, "number": n, **event} for n, event in batch.items()])
            for changes, batch in batches
        ]
        app = AppTest.from_function(_page, args=(numbered, is_settled)).run()
        assert not app.exception
        return app.session_state

    return heard


def test_widgets_that_a_browser_has_set_back_are_moved_again(after):
    session = after((BEFORE, {1: TOWARDS}), (BEFORE, {1: TOWARDS}))
    assert {key: session[key] for key in NAMED} == NAMED


def test_of_several_events_that_are_heard_again_the_last_one_holds(after):
    events = {1: {"kind": "direction", "rank": 4}, 2: {"kind": "direction", "rank": 6}}
    assert after((BEFORE, events), ({"rank": 1}, events))["rank"] == 7


def test_what_a_person_has_typed_since_is_not_taken_back(after):
    session = after((BEFORE, {1: TOWARDS}), ({"end": "c"}, {1: TOWARDS}))
    assert (session["kind"], session["start"], session["end"]) == ("token difference", "5", "c")


def test_nothing_else_is_done_twice(after):
    events = {1: TOWARDS, 2: {"kind": "position", "position": 3}, 3: {"kind": "pin"}}
    since = {"position": 1, "pins": (), "turns": ((5.0, 0),), "choice": None}
    session = after((BEFORE, events), (since, events))
    assert {key: session[key] for key in since} == since


def test_after_a_run_that_has_come_to_its_end_the_widgets_are_the_persons_own(after):
    session = after((BEFORE, {1: TOWARDS}), (BEFORE, {1: TOWARDS}), is_settled=True)
    assert {key: session[key] for key in ("kind", "end")} == {"kind": "eigendirection", "end": "b"}
