"""The list of rivals below the instrument: found when it is asked for, stopped, and opened by a row."""

import time
from functools import partial

import pytest
from support.app import opened, press, prompt_with
from support.models import FAMILIES, PROMPT, save_model

import stability
from stability.errors import StabilityError
from stability.text import spelled
from stability.ui import wording
from stability.ui.cached import rivals

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture
def page(model):
    return opened(model=model, prompt=PROMPT)


def settled(page):
    """The page once nothing is under way."""
    until = time.monotonic() + 60
    while any(button.key == "stop_rivals" for button in page.button):
        assert time.monotonic() < until
        time.sleep(0.2)
        page.run()
    assert not page.exception
    return page


def test_the_list_is_the_librarys(page, model, monkeypatch):
    # fewer, which takes less
    monkeypatch.setattr(rivals, "rivals", partial(stability.rivals, n=2))
    assert not page.dataframe
    press(page, "Find the twenty cheapest")
    [table] = settled(page).dataframe
    found = stability.rivals(stability.load(model).capture(PROMPT), 2)
    assert table.value["token"].tolist() == [spelled(push.text) for push in found.pushes]
    assert table.value["KL (nats)"].tolist() == [wording.number(p.nats) for p in found.pushes]


def test_it_may_be_stopped_and_a_failure_is_said_once(page, monkeypatch):
    tried = []

    def endless(state, progress):
        while True:
            progress(len(tried))
            tried.append(1)
            time.sleep(0.01)

    monkeypatch.setattr(rivals, "rivals", endless)
    prompt_with(page, "the cat")
    press(page, "Find the twenty cheapest")
    page.button(key="stop_rivals").click().run()
    settled(page)
    assert not page.dataframe
    assert any(button.label == "Find the twenty cheapest" for button in page.button)

    def failing(state, progress):
        tried.append("failed")
        raise StabilityError("A list must be: try another.")

    monkeypatch.setattr(rivals, "rivals", failing)
    press(page, "Find the twenty cheapest")
    settled(page).run()
    assert [error.value for error in page.error] == [wording.plain("A list must be: try another.")]
    assert tried.count("failed") == 1


def test_below_the_readout_there_is_none(page):
    page.selectbox(key="site").set_value("final").run()
    assert not any(button.label == "Find the twenty cheapest" for button in page.button)
