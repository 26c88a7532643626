"""What a browser asks for is done once, and its widgets stay moved until the browser has shown it."""

import pytest
from streamlit.testing.v1 import AppTest

from stability.ui.widgets import instrument

BEFORE = {"kind": "eigendirection", "rank": 1, "start": "a", "end": "b", "turns": ((30.0, 1),)}
TOWARDS = {"kind": "towards", "from": 5, "to": 7}
NAMED = {"kind": "token difference", "start": "5", "end": "7"}


def _page(runs):
    """Run a page for each batch of events by their numbers, after the changes that come with it."""
    import streamlit as st

    from stability.ui.pages.explore import events
    from stability.ui.widgets import instrument

    hearing = []
    instrument._component = lambda *_: (
        lambda on_events_change, **_: hearing.append(on_events_change)
    )
    instrument.load_scripts(events.answer)
    for changes, batch in runs:
        st.session_state.update(changes)
        st.session_state.instrument_scripts = {
            "events": [{"view": {}, "number": n, **event} for n, event in batch.items()]
        }
        hearing[-1]()
        instrument.begin(is_opened=changes.get("opens", False))


@pytest.fixture
def after(monkeypatch):
    """The session after runs of a page."""
    monkeypatch.setattr(instrument, "_component", None)

    def run(*runs):
        app = AppTest.from_function(_page, args=(runs,)).run()
        assert not app.exception
        return app.session_state

    return run


def seen(run):
    """What a browser says once it has shown a run."""
    return {"instrument": {"look": {"number": 1, "has": None, "run": run}}}


def test_widgets_that_a_browser_sets_back_are_moved_again(after):
    session = after((BEFORE, {1: TOWARDS}), (BEFORE, {}), (BEFORE | seen(0), {}))
    assert {key: session[key] for key in NAMED} == NAMED


def test_of_several_moves_the_last_one_holds(after):
    events = {1: {"kind": "direction", "rank": 4}, 2: {"kind": "direction", "rank": 6}}
    for rank in (1, 5):
        assert after((BEFORE, events), ({"rank": rank}, {}))["rank"] == 7


def test_an_event_after_a_move_that_no_browser_has_shown_begins_where_it_led(after):
    """There and back: the widget stands where the second event leads it, but was to be moved away."""
    back = {2: {"kind": "direction", "rank": 4}}
    session = after((BEFORE, {1: TOWARDS}), (BEFORE, back), (BEFORE, {}))
    assert (session["kind"], session["rank"]) == (BEFORE["kind"], 5)


def test_what_a_person_has_typed_since_stays(after):
    session = after((BEFORE, {1: TOWARDS}), (BEFORE | {"end": "c"}, {}), ({"end": "b"}, {}))
    assert (session["kind"], session["start"], session["end"]) == ("token difference", "5", "b")


def test_once_a_browser_has_shown_a_move_it_is_a_person_who_takes_it_back(after):
    session = after((BEFORE, {1: TOWARDS}), (BEFORE | seen(1), {}))
    assert {key: session[key] for key in BEFORE} == BEFORE


def test_on_another_page_nothing_is_held(after):
    session = after((BEFORE, {1: TOWARDS}), (BEFORE | {"opens": True}, {}))
    assert {key: session[key] for key in BEFORE} == BEFORE


def test_a_turn_is_held_where_a_widget_that_is_set_back_would_undo_it(after):
    turn = {1: {"kind": "direction", "rank": 4}, 2: {"kind": "turn", "degrees": 30.0}}
    session = after((BEFORE, turn), ({"rank": 1, "turns": ((30.0, 1),)}, {}))
    assert (session["rank"], session["turns"]) == (5, ())


@pytest.mark.parametrize(
    ("sent", "rank", "turns"),
    [
        pytest.param({"rank": 2}, 2, (), id="a rank of a person's own"),
        pytest.param({}, 5, (), id="the button that turns back"),
        pytest.param({"rank": 1}, 5, ((30.0, 1),), id="a rank that the browser sets back"),
    ],
)
def test_a_turn_is_taken_back_by_a_person_and_not_by_a_browser(sent, rank, turns):
    """Both run the callback that looks straight, before the browser has shown the turn."""

    def page(sent):
        import streamlit as st

        from stability.ui import moves
        from stability.ui.choice import look_straight, turn_by

        st.session_state.update(rank=1, turns=())
        with moves.noted(["rank", "turns"]):
            st.session_state.rank = 5
        with moves.noted(["rank", "turns"]):
            turn_by(30.0, 1)
        moves.hold(is_opened=False)
        st.session_state.update(sent)
        look_straight()
        moves.hold(is_opened=False)

    session = AppTest.from_function(page, args=(sent,)).run().session_state
    assert (session["rank"], session["turns"]) == (rank, turns)


def test_what_is_heard_again_is_not_done_again(after):
    events = {1: TOWARDS, 2: {"kind": "position", "position": 3}, 3: {"kind": "pin"}}
    since = {"position": 1, "pins": (), "choice": None, "end": "c"}
    session = after((BEFORE, events), (since, events))
    assert {key: session[key] for key in since} == since


def test_a_widget_that_is_put_elsewhere_is_held_there():
    def page():
        import streamlit as st

        from stability.ui import moves

        st.session_state.end = "b"
        with moves.noted(["end"]):
            st.session_state.end = "7"
        moves.hold(is_opened=False)
        moves.put("end", "the")
        for sent in ("b", "7"):
            st.session_state.end = sent
            moves.hold(is_opened=False)
            st.markdown(st.session_state.end)
        moves.put("start", "a")
        st.markdown(list(moves.moved()))

    app = AppTest.from_function(page).run()
    assert [text.value for text in app.markdown] == ["the", "the", "['end']"]
