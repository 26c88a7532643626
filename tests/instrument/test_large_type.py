"""Large type, for a projector: all that is written is larger, and fits."""

import pytest
from support.drawn import settled
from support.scenes import eigen_analysis, eigen_scene
from support.states import random_state

from stability.instrument.scene import pin

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# by its path, the height in pixels of the letters of each element that is seen and holds text itself
SIZES = """() => {
  const path = (node) => node.matches(".instrument") ? "" :
    `${path(node.parentElement)} ${node.tagName}.${node.getAttribute("class") ?? ""}` +
    `:${[...node.parentElement.children].indexOf(node)}`;
  const holds = (node) => [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
  const seen = [...document.querySelectorAll(".instrument *")].filter(
    (node) => holds(node) && node.getClientRects().length && node.tagName !== "OPTION");
  return Object.fromEntries(seen.map((node) => {
    const drawn = node.closest("svg") && node.getScreenCTM?.();
    const scale = drawn ? Math.hypot(drawn.a, drawn.b) : 1;
    return [path(node), scale * parseFloat(getComputedStyle(node).fontSize)];
  }));
}"""


# a page has its own size for all kinds of text, as Streamlit's has
HOST = (
    ":is(p, dl, dt, dd, ul, li, table, summary, h3, h4, button, select, small) { font-size: 1rem; }"
)


@pytest.fixture(scope="module")
def sent():
    scene = eigen_scene(eigen_analysis(random_state(gain=2.0)))
    tokens = [{**token, "role": "user"} for token in scene["tokens"]]
    return {**scene, "tokens": tokens, "pins": [pin(scene)], "notes": ["A note."]}


def test_large_type_enlarges_all_that_is_written(mounted, sent):
    sizes = []
    for large in (False, True):
        page = mounted(sent, large=large, point=[0.1, 0.1])
        page.add_style_tag(content=HOST)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.get_by_test_id("take-away").click()
        settled(page)
        sizes.append(page.evaluate(SIZES))
    small, large = sizes
    assert len(small.keys() & large.keys()) > 100
    both = [(path, size, large[path]) for path, size in small.items() if path in large]
    assert [one for one in both if one[2] < 1.3 * one[1]] == []
    # the smallest are still to be read
    assert [(path, size) for path, size in small.items() if size < 10.5] == []
