"""What is submitted in the field of a prompt becomes the prompt, also where its callback is lost."""

import pytest
from streamlit.testing.v1 import AppTest

SESSION = "test session id"  # of all tests of Streamlit


@pytest.fixture
def app(monkeypatch):
    """A page with a field, of whose browser no callback is ever called."""
    from stability.ui.widgets import prompt

    def page():
        from stability.ui.widgets.prompt import prompt_field

        prompt_field("Prompt", "prompt")

    monkeypatch.setattr(prompt, "_component", lambda: lambda **_: None)
    return AppTest.from_function(page)


def run(app, submitted=None, **session):
    if submitted is not None:
        session["prompt_field"] = {"submitted": submitted}
    for key, value in session.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app.session_state


def said(text, at, session=SESSION):
    """What a browser sends of a text that was submitted."""
    return {"text": text, "at": at, "session": session}


def test_it_is_the_prompt_whose_last_token_is_looked_at(app):
    session = run(app, said("a", 1), prompt="old", position=3)
    assert (session["prompt"], session["position"]) == ("a", -1)


def test_it_is_taken_once_and_another_prompt_takes_its_place(app):
    run(app, said("a", 1))
    session = run(app, prompt="an example", position=2)
    assert (session["prompt"], session["position"]) == ("an example", 2)
    session = run(app, said("a", 2))
    assert session["prompt"] == "a"


@pytest.mark.parametrize("submitted", ["a", said(1, 1), {"at": 1, "session": SESSION}])
def test_what_is_no_text_is_left_out(app, submitted):
    assert run(app, submitted, prompt="old")["prompt"] == "old"


def test_what_was_submitted_to_another_server_does_not_take_the_place_of_the_link(app):
    assert run(app, said("a", 1, session="before"), prompt="of the link")["prompt"] == "of the link"
