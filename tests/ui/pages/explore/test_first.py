"""The first scene on a server that has just been started, before torch is imported."""

from support.app import opened, sent

from stability.instrument import first
from stability.ui import warm_up
from stability.ui.pages.explore.first import CHOICE


def test_the_default_is_shown_before_anything_is_imported(monkeypatch):
    monkeypatch.setattr(warm_up, "is_imported", lambda: False)
    page = opened()
    assert not page.exception
    frame = sent(page)
    assert frame["scene"] == first.first()
    assert frame["again"] is not None  # the browser comes back for what is computed


def test_another_choice_waits_and_shows_nothing_of_the_default(monkeypatch):
    monkeypatch.setattr(warm_up, "is_imported", lambda: False)
    frame = sent(opened(prompt="Once upon a time"))
    assert (frame["scene"], frame["stamp"]) == (None, None)
    assert frame["again"] is not None


def test_the_shipped_choice_is_the_one_that_the_page_opens_with():
    setting = first.first()["setting"]
    assert setting["prompt"] == CHOICE.prompt
    assert setting["direction"]["spec"] == str(CHOICE.direction)
    assert setting["site"] == CHOICE.site
