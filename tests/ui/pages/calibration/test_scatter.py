"""A measured case opened in Explore: as the text that it is, and not as a chat."""

import pytest
from streamlit.testing.v1 import AppTest

CASE = {
    "model": "smollm2-135m",
    "prompt": "a lamp",
    "position": 1,
    "epsilon": 0.01,
    "site": "prelogit",
    "direction": "eig:0",
}


@pytest.fixture
def clicked():
    """The page after a click on a case with another prompt, in a session that was a chat."""

    def page(case):
        from stability.ui.pages.calibration.scatter import _open_case

        _open_case(case)

    def click(prompt):
        app = AppTest.from_function(page, args=({**CASE, "prompt": prompt},), default_timeout=30)
        app.session_state["chat"] = True
        app.session_state["prompt"] = "before"
        app.run()
        assert not app.exception
        return app

    return click


@pytest.mark.parametrize("prompt", ["a lamp", "[1, 2]", '[{"role":"user","content":"Hi"}] hums'])
def test_a_text_opens_as_a_text(clicked, prompt):
    session = clicked(prompt).session_state
    assert (session["prompt"], session["chat"], session["opened"]) == (prompt, False, True)


def test_a_conversation_is_not_opened_as_a_text(clicked):
    page = clicked('[{"role": "user", "content": "Hi"}]')
    assert page.session_state["prompt"] == "before"
    assert "opened" not in page.session_state
    assert ["conversation" in toast.value for toast in page.toast] == [True]
