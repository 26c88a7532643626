"""The script between Streamlit and the instrument: which of the two runs answers, and what is lost."""

import json

import pytest
from support.browser import MARKS, driven

from stability.ui.widgets.resources import resource

pytestmark = MARKS

# the script with a stand-in for Streamlit and for the instrument, whose host becomes `host`
START = """async (text) => {
  const blob = new Blob([text], { type: "text/javascript" });
  const { default: component } = await import(URL.createObjectURL(blob));
  const drawn = { receive() {}, change() {}, destroy() {} };
  const scripts = {
    mount: (root, host) => ((globalThis.host = host), drawn),
    encode: () => ({}), decode: () => ({ view: {}, notes: [] }), INITIAL: {},
  };
  const shared = globalThis.stabilityInstrument;
  shared.sheets.sheet = { scripts: Promise.resolve(scripts) };
  const numbers = (events) => events.map(({ number }) => number);
  globalThis.asked = [];
  shared.send = (events) => asked.push({ page: numbers(events) });
  const root = document.createElement("div");
  globalThis.frame = async (sent) => {
    component({
      data: new TextEncoder().encode(JSON.stringify(sent)),
      parentElement: root,
      setTriggerValue: (_, events) => asked.push({ sheet: numbers(events) }),
      setStateValue: (_, look) => asked.push({ look }),
    });
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
  };
}"""
FRAME = {
    "sheet": "sheet",
    **{"heard": 0, "seen": 0, "atOnce": ["position"], "stamp": 1, "status": None},
    **{"look": 7, "again": None, "view": {}, "scene": {}},
}


@pytest.fixture(scope="module")
def browser():
    with driven() as browser:
        yield browser


@pytest.fixture
def asked(browser):
    """What is asked of Streamlit after frames, which are dictionaries, and events, by their kind."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate(START, resource("instrument.js"))

    def after(*steps):
        for step in steps:
            if isinstance(step, str):
                page.evaluate("kind => host.send({ kind })", step)
            else:
                page.evaluate("sent => frame(sent)", FRAME | step)
        return json.loads(page.evaluate("JSON.stringify(asked)"))

    yield after
    page.close()


def test_what_the_sheet_can_answer_it_answers_alone_and_then_the_page_follows(asked):
    assert asked({}, "position") == [{"sheet": [1]}]
    assert asked({"heard": 1, "stamp": 2}) == [{"sheet": [1]}, {"page": [1]}]
    assert len(asked({"heard": 1, "seen": 1, "stamp": 3})) == 2


def test_anything_else_is_asked_of_the_page(asked):
    assert asked({}, "pin") == [{"page": [1]}]


def test_as_long_as_something_is_not_answered_the_page_is_asked_which_ends_what_is_under_way(asked):
    assert asked({}, "position", "position") == [{"sheet": [1]}, {"page": [1, 2]}]


def test_an_instrument_that_was_removed_asks_for_the_scene_that_it_had(asked):
    assert asked({"scene": None}) == [{"look": {"number": 8, "has": None}}]


def test_before_there_is_a_scene_nothing_is_asked_for(asked):
    assert asked({"scene": None, "stamp": None}) == []
