"""The script of a prompt's field: what it submits, and to which of several servers."""

from support.browser import MARKS, driven

from stability.ui.widgets.resources import resource

pytestmark = MARKS

# texts that the servers of a field show, with the session of each, and texts that a person submits
SERVERS = """async (module) => {
  const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const draw = (await import(url)).default;
  const root = document.body.appendChild(document.createElement("div"));
  root.innerHTML = "<textarea></textarea><p role=note hidden></p>";
  const box = root.querySelector("textarea");
  const sent = [];
  const shows = (text, session) => draw({
    data: { label: "Prompt", text, session },
    parentElement: root,
    setStateValue: (_, { text, session }) => sent.push([text, session]),
  });
  const submit = (text) => {
    box.value = text;
    box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  };
  shows("old", "first");
  submit("answered");
  shows("answered", "first");
  shows("answered", "second");
  submit("lost");
  shows("of the link", "third");
  const kept = box.value;
  shows("lost", "third");
  shows("lost", "fourth");
  shows("of another link", "fourth");
  return [sent, kept, box.value];
}"""


def test_what_no_server_has_answered_is_submitted_again_to_the_next_one():
    with driven() as browser:
        page = browser.new_page()
        sent, kept, last = page.evaluate(SERVERS, resource("prompt.js"))
        page.close()
    assert sent == [["answered", "first"], ["lost", "second"], ["lost", "third"]]
    # what is on its way stays in the box, and what a server says of itself comes into it
    assert (kept, last) == ("lost", "of another link")
