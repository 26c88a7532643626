"""What is submitted in the field of a prompt becomes the prompt, also where its callback is lost."""

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def app(monkeypatch):
    """A page with a field, of whose browser no callback is ever called."""
    from stability.ui.widgets import prompt

    def page():
        from stability.ui.widgets.prompt import prompt_field

        prompt_field("Prompt", "prompt")

    monkeypatch.setattr(prompt, "_component", lambda: lambda **_: None)
    return AppTest.from_function(page)


def run(app, **session):
    for key, value in session.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app.session_state


def test_it_is_the_prompt_whose_last_token_is_looked_at(app):
    session = run(app, prompt="old", position=3, prompt_field={"submitted": {"text": "a", "at": 1}})
    assert (session["prompt"], session["position"]) == ("a", -1)


def test_it_is_taken_once_and_another_prompt_takes_its_place(app):
    run(app, prompt_field={"submitted": {"text": "a", "at": 1}})
    session = run(app, prompt="an example", position=2)
    assert (session["prompt"], session["position"]) == ("an example", 2)
    session = run(app, prompt_field={"submitted": {"text": "a", "at": 2}})
    assert session["prompt"] == "a"


@pytest.mark.parametrize("submitted", [None, "a", {"text": 1, "at": 1}, {"at": 1}])
def test_what_is_no_text_is_left_out(app, submitted):
    assert run(app, prompt="old", prompt_field={"submitted": submitted})["prompt"] == "old"
