"""The check of the model in use, as a person asks for it: never unasked, once a model, and told."""

import gc
import time
import weakref

import pytest
from streamlit.testing.v1 import AppTest
from support.app import opened, plain_text, press
from support.families import FAMILIES as MANY
from support.models import FAMILIES, PROMPT, save_model

from stability.models import memory, state_comparisons
from stability.models.state_comparisons import SITES
from stability.ui.cached import checks, models
from stability.ui.cached.background import Jobs
from stability.ui.server import ALLOW_PATHS

pytestmark = pytest.mark.slow

PATIENCE = 30  # seconds after which a test has failed
OFFER = "Not checked yet"


@pytest.fixture(autouse=True)
def own_computer(monkeypatch):
    """The app at the computer itself, freshly started."""
    monkeypatch.setattr(models, "_models", Jobs(max_entries=99, at_once=4))
    monkeypatch.setattr(models, "_holds", weakref.WeakSet())
    monkeypatch.setattr(checks, "_checks", Jobs(max_entries=99, takes_turns=True))
    monkeypatch.setenv(ALLOW_PATHS, "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


def small_page():
    import streamlit as st

    from stability.ui.link import Page
    from stability.ui.pages import entry
    from stability.ui.widgets.model_picker import choose_model

    def draw():
        with st.sidebar:
            model = choose_model()
        st.markdown(f"using {model}")

    entry.show(Page("Small", ()), "A page", draw)


def small(model):
    """A page that only chooses a model."""
    app = AppTest.from_function(small_page, default_timeout=60)
    app.session_state["model"] = model
    app.run()
    assert not app.exception
    return app


def settled(app, model):
    """Run the page until the check has come to its end."""
    deadline = time.monotonic() + PATIENCE
    while not checks.check_of(model).future.done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.run()
    assert not app.exception
    return app


def checked(app, model):
    press(app, OFFER)
    return settled(app, model)


def check_label(app):
    return plain_text_of(app.button(key="check").label)


def plain_text_of(text):
    return text.replace("\\", "")


def test_nothing_is_checked_unasked_and_a_click_tells_the_result_with_a_table(folder):
    app = small(folder)
    assert check_label(app).startswith(OFFER)
    assert checks.check_of(folder) is None
    checked(app, folder)
    assert check_label(app) == "Checked: 10 comparisons hold"
    assert not app.error
    press(app, "Checked")
    [table] = app.table
    found = checks.found_of(folder)
    assert table.value.shape == (11, 4)
    assert list(table.value["holds"]) == ["yes"] * 10 + ["–"]
    assert plain_text_of(table.value["what must hold"].iloc[0]) == found.comparisons[0].demand


def test_what_could_not_be_compared_and_what_is_refused_is_told_with_its_reason(tmp_path):
    model = str(save_model(tmp_path, MANY["xlm"]()))
    app = checked(small(model), model)
    assert check_label(app) == "Checked: 6 comparisons hold, 1 not run"
    press(app, "Checked")
    text = "\n".join(plain_text(element) for element in app.markdown)
    assert f"- {SITES}: Sites below the readout must be open" in text
    assert (
        "- final, block:1, block:0: Sites below the final norm need 2 blocks that are called once each"
        in text
    )


def test_a_failed_check_is_told_on_the_page_of_every_session(folder, monkeypatch):
    monkeypatch.setattr(state_comparisons, "SAME_PREDICTION", -1.0)
    app = checked(small(folder), folder)
    assert check_label(app) == "Check failed: 1 of 10 comparisons"
    for page in (app, small(folder)):
        [warning] = page.main.error
        assert "may be wrong" in warning.value
        assert "A state below the readout must predict what the readout does" in plain_text(warning)
    press(app, "See the check")
    assert list(app.table[0].value["holds"]).count("**no**") == 1


def test_a_real_page_warns_too(folder, monkeypatch):
    monkeypatch.setattr(state_comparisons, "SAME_PREDICTION", -1.0)
    page = checked(opened(model=folder, prompt=PROMPT), folder)
    assert "may be wrong" in page.main.error[0].value


def test_a_model_is_checked_once_for_all_sessions(folder):
    first, second = small(folder), small(folder)
    models.start_loading(folder).future.result(PATIENCE)
    press(first, OFFER)
    job = checks.check_of(folder)
    settled(second, folder)
    assert check_label(second).startswith("Checked")
    assert checks.start_check(folder) is job


def test_a_check_that_cannot_be_made_says_why_and_can_be_asked_for_again(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(memory, "memory_at_hand", lambda: 1000)
        app = checked(small(folder), folder)
        [error] = app.sidebar.error
        assert plain_text(error).startswith("The check ended early. A model must fit into")
    press(app, "Check it again")
    assert check_label(settled(app, folder)).startswith("Checked")


def test_a_check_keeps_no_model_and_is_forgotten_with_it(folder):
    app = checked(small(folder), folder)
    old = weakref.ref(models.loaded(folder).model)
    del app
    models._holds.clear()
    models.let_go()
    gc.collect()
    assert old() is None
    assert checks.check_of(folder) is None


def test_a_check_under_way_stops_when_the_last_session_leaves_its_model(folder, monkeypatch):
    def endless(lm, report):
        while True:
            report("Reading", 0.5)

    monkeypatch.setattr("stability.models.self_check.check", endless)
    first, second = small(folder), small(folder)
    press(first, OFFER)
    job = checks.check_of(folder)
    for app in (first, second):
        assert not job.is_stopped
        change(app, f"{folder} in float16")
    deadline = time.monotonic() + PATIENCE
    # a model that is still being read is drawn by the runs that follow
    while not job.is_stopped and time.monotonic() < deadline:
        second.run()
    assert "was stopped" in str(job.future.exception(PATIENCE))


def change(app, model):
    app.button(key="open_picker").click().run()
    app.text_input(key="typed_model").set_value(model)
    press(app, "Look it up")
    [button] = [button for button in app.button if button.label in ("Load", "Use")]
    button.click().run()
    deadline = time.monotonic() + PATIENCE
    while app.session_state["model"] != model:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        app.run()


def test_the_result_is_offered_as_json(folder):
    app = checked(small(folder), folder)
    press(app, "Checked")
    [download] = app.get("download_button")
    assert download.label == "Download as JSON"
    assert download.proto.id
