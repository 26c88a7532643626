"""What is under way, and what is said of a link: shown, closed, and shown again when it changes."""

import pytest

from stability.instrument import first

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_nothing_is_said_where_there_is_nothing_to_say(mounted):
    page = mounted(first.first())
    assert page.get_by_role("status", name="Notes").is_hidden()


def test_what_is_under_way_is_told_and_moves_nothing(mounted):
    scene = first.first()
    page = mounted(scene)
    top = "document.querySelector('[data-testid=verdict]').getBoundingClientRect().top"
    before = page.evaluate(top)
    status = {"message": "Running the network along the ray", "fraction": 0.25}
    page.evaluate("scene => mounted.receive(scene)", {**scene, "status": status})
    page.get_by_text("Running the network along the ray: 25.0 %").wait_for()
    assert page.evaluate(top) == before
    page.evaluate("scene => mounted.receive(scene)", scene)
    page.get_by_test_id("status").wait_for(state="hidden")


def test_a_picture_that_stands_while_another_is_computed_is_marked_as_old(mounted):
    scene = first.first()
    page = mounted(scene)
    opacity = """document.querySelector('[data-area=ray]') &&
        getComputedStyle(document.querySelector('[data-area=ray]')).opacity"""
    assert page.evaluate(opacity) == "1"
    status = {"message": "Reading the prompt", "fraction": None, "still": "It is that of block:11."}
    page.evaluate("scene => mounted.receive(scene)", {**scene, "status": status})
    page.get_by_text("Reading the prompt … It is that of block:11.").wait_for()
    assert float(page.evaluate(opacity)) < 0.5
    page.evaluate("scene => mounted.receive(scene)", scene)
    page.get_by_test_id("status").wait_for(state="hidden")
    assert page.evaluate(opacity) == "1"


def test_notes_stay_until_they_are_closed_and_come_again_when_they_change(mounted):
    scene = first.first()
    page = mounted({**scene, "notes": ["<b>One</b> sentence."]})
    page.get_by_text("<b>One</b> sentence.").wait_for()
    page.get_by_role("button", name="Close the notes").click()
    page.get_by_test_id("notes").wait_for(state="hidden")
    page.evaluate("scene => mounted.receive(scene)", {**scene, "notes": ["Another one."]})
    page.get_by_text("Another one.").wait_for()


def test_what_is_refused_a_second_time_is_said_a_second_time(mounted):
    scene = {**first.first(), "notes": ["Refused."]}
    page = mounted({**scene, "noted": 1})
    page.get_by_role("button", name="Close the notes").click()
    page.evaluate("scene => mounted.receive(scene)", {**scene, "noted": 1})
    page.get_by_test_id("notes").wait_for(state="hidden")
    page.evaluate("scene => mounted.receive(scene)", {**scene, "noted": 2})
    page.get_by_text("Refused.").wait_for()


@pytest.mark.parametrize(
    ("act", "name", "told"), [("stop", "Stop", "Reading …"), ("go on", "Go on", "Reading.")]
)
def test_what_is_under_way_can_be_stopped_and_gone_on_with(mounted, act, name, told):
    scene = first.first()
    page = mounted(scene)
    button = page.get_by_test_id("act")
    assert button.is_hidden()
    status = {"message": "Reading", "fraction": None, "act": act}
    page.evaluate("scene => mounted.receive(scene)", {**scene, "status": status})
    page.get_by_text(told, exact=True).wait_for()
    assert button.inner_text() == name
    button.click()
    assert page.evaluate("events.at(-1).kind") == act
