"""What a person does, in a real browser on a real server, compared with the library's numbers."""

import pytest
from support.browser import CHROMIUM, FLAGS, MARKS, serving, settled

import stability
from stability.evaluation.calibration import cases
from stability.reproduction.settings import shipped
from stability.text import spelled

pytestmark = MARKS


@pytest.fixture(scope="module")
def server(smollm2_folder):
    with serving() as address:
        yield address


@pytest.fixture
def page(server):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(server)
        page.wait_for_selector('[data-testid="stMetricValue"]', timeout=90_000)
        page.wait_for_selector(".st-key-spectrum .barlayer", timeout=30_000, state="attached")
        yield page
        browser.close()


def shown(page, label):
    metric = page.get_by_test_id("stMetric").filter(has_text=label)
    return metric.get_by_test_id("stMetricValue").inner_text()


def test_a_person_explores_a_prompt(page):
    lm = stability.load("smollm2-135m")
    prompt = "Once upon a time there was"

    box = page.get_by_label("Prompt", exact=True)
    box.fill(prompt)
    box.press("Control+Enter")
    settled(page)
    page.get_by_role("button", name="␣upon").click()
    page.wait_for_selector('button[aria-pressed="true"]:has-text("␣upon")')
    settled(page)
    plot = page.locator(".st-key-spectrum .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    third = (3 - 0.5) / 16  # of sixteen bars
    page.mouse.click(box["x"] + third * box["width"], box["y"] + 0.93 * box["height"])
    page.wait_for_function("document.body.innerText.includes('along eigendirection 3, ')")
    page.get_by_role("slider").press("ArrowRight")
    page.wait_for_function("document.body.innerText.includes('ε = 0.013 nats')")

    state = lm.capture(prompt, position=1)
    ray = stability.ray(state, stability.spectrum(state).vectors[:, 2])
    minus, plus = ray.boundary(0.013)
    for label, value in (
        ("predicted r", ray.predicted_radius(0.013)),
        ("actual −", minus),
        ("actual +", plus),
    ):
        page.wait_for_function(
            "text => document.body.innerText.includes(text)", arg=f"{value:#.3g}", timeout=10_000
        )
        assert shown(page, label) == f"{value:#.3g}"
    assert page.get_by_test_id("stException").count() == 0


def test_a_still_comes_first_and_gives_way_to_the_figure(server):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(server)
        still = page.locator(".st-key-first svg")
        still.wait_for(timeout=90_000)
        page.wait_for_selector(".st-key-ray .main-svg", timeout=90_000)
        still.wait_for(state="hidden")
        browser.close()


def test_a_token_can_be_chosen_again_after_another_prompt(page):
    """The strip must not think that what was clicked last is still chosen."""
    for prompt in ("One two three", "Four five six"):
        box = page.get_by_label("Prompt", exact=True)
        box.fill(prompt)
        box.press("Control+Enter")
        page.wait_for_selector(f'button:has-text("{prompt.split()[1]}")')
        settled(page)
        page.locator(".strip button").nth(1).click()
        page.wait_for_selector('.strip button:nth-child(2)[aria-pressed="true"]')


def test_the_arrow_keys_walk_along_the_tokens(page):
    chosen = page.locator('button[aria-pressed="true"]')
    assert chosen.inner_text() == "␣is"
    chosen.press("ArrowLeft")
    page.wait_for_selector('button[aria-pressed="true"]:has-text("␣France")')


def test_a_person_walks_from_the_map_of_layers_to_explore_and_back(page):
    """A cell opens Explore at its token and block, and what was set comes along both ways."""
    lm = stability.load("smollm2-135m")
    box = page.get_by_label("Prompt", exact=True)
    box.fill("One two three")
    box.press("Control+Enter")
    page.wait_for_selector('button:has-text("two")')
    settled(page)
    page.get_by_role("link", name="Depth").click()
    page.wait_for_selector(".st-key-depth_map .heatmaplayer", timeout=90_000, state="attached")
    settled(page)
    assert page.get_by_label("Prompt", exact=True).input_value() == "One two three"
    cells = page.locator(".st-key-depth_map .nsewdrag").first.bounding_box()
    column, row = (29 + 0.5) / 30, (1 + 0.5) / 3
    page.mouse.click(cells["x"] + column * cells["width"], cells["y"] + row * cells["height"])
    page.wait_for_function(
        "document.body.innerText.includes('nothing is certified')", timeout=60_000
    )
    state = lm.capture("One two three", position=1, site="block:29")
    predicted = stability.ray(state, stability.spectrum(state).vectors[:, 0]).predicted_radius(0.01)
    assert shown(page, "predicted r") == f"{predicted:#.3g}"
    assert page.get_by_label("Prompt", exact=True).input_value() == "One two three"
    assert page.get_by_test_id("stException").count() == 0


def test_a_person_talks_to_the_model(page):
    """A system prompt and three turns; any token of any turn can be chosen."""
    lm = stability.load("smollm2-135m")
    page.get_by_text("As a chat").click()
    settled(page)
    for name, said in (
        ("System", "One word."),
        ("User, turn 1", "The capital of France"),
        ("Assistant, turn 2", "Paris<|im_end|>"),
        ("User, turn 3", "Of Italy?"),
    ):
        field = page.get_by_label(name, exact=True)
        if not field.count():
            page.get_by_role("button", name="Add a turn").click()
        field.fill(said)
        field.press("Control+Enter" if "turn" in name else "Enter")
        settled(page)
    turns = ["One word.", "The capital of France", "Paris<|im_end|>", "Of Italy?"]
    roles = ["system", "user", "assistant", "user"]
    talk = stability.Conversation.of(
        [{"role": role, "content": said} for role, said in zip(roles, turns, strict=True)]
    )
    tokens = lm.tokenize(talk)
    chips = page.locator(".strip button")
    chips.nth(len(tokens) - 1).wait_for()
    assert chips.all_inner_texts() == [spelled(token.text) for token in tokens]
    starts = page.locator('.strip button:not([data-starts=""])')
    assert starts.evaluate_all("all => all.map(chip => chip.dataset.starts)") == roles
    # the end of a turn that is spelled inside one is special, and the assistant's
    position = next(t.index for t in tokens if t.special and t.role == "assistant")
    assert f"special token, id {tokens[position].id}, assistant" in chips.nth(
        position
    ).get_attribute("title")
    chips.nth(position).click()
    state = lm.capture(talk, position)
    predicted = stability.ray(state, stability.spectrum(state).vectors[:, 0]).predicted_radius(0.01)
    page.wait_for_function(
        "text => document.body.innerText.includes(text)", arg=f"{predicted:#.3g}", timeout=10_000
    )
    settled(page)
    assert shown(page, "predicted r") == f"{predicted:#.3g}"
    page.get_by_role("button", name="Remove the last turn").click()
    chips.nth(len(tokens) - 1).wait_for(state="detached")
    assert page.get_by_test_id("stException").count() == 0


FAR = 400.0  # far outside every stable region of the prompt


def test_the_first_token_that_differs_is_marked_in_what_the_model_would_write(page):
    lm = stability.load("smollm2-135m")
    prompt = page.get_by_label("Prompt", exact=True).input_value()
    page.get_by_role("link", name="Depth").click()
    page.locator('button:has-text("what it would write")').click()
    far = page.get_by_label("also at t =")
    far.fill(str(FAR))
    far.press("Enter")
    page.wait_for_function(f"document.body.innerText.includes('t = {FAR:g}')", timeout=60_000)
    page.wait_for_selector(".st-key-writing .js-plotly-plot", timeout=90_000)
    settled(page)
    state = lm.capture(prompt, site="block:15")
    v = stability.spectrum(state).vectors[:, 0]
    (pushed,) = stability.continuations(lm, state, v, [FAR], 24)
    assert pushed.first_difference is not None
    differing = pushed.tokens[pushed.first_difference].text.strip()
    marks = page.get_by_test_id("stMain").locator(".stMarkdownColoredBackground")
    assert differing in [mark.strip() for mark in marks.all_inner_texts()]
    body = page.get_by_test_id("stMain").inner_text()
    assert "<u>" not in body
    assert "**" not in body


LONELIEST = """() => {
  const plot = document.querySelector('.st-key-scatter .js-plotly-plot');
  const {xaxis, yaxis} = plot._fullLayout;
  const points = plot._fullData.filter(trace => trace.mode === 'markers').flatMap(trace =>
    trace.customdata.map((data, i) =>
      [xaxis.d2p(trace.x[i]), yaxis.d2p(trace.y[i]), data[0]]));
  const room = p => Math.min(...points.filter(q => q !== p).map(q =>
    Math.hypot(p[0] - q[0], p[1] - q[1])));
  return points.reduce((best, p) => room(p) > room(best) ? p : best);
}"""


def test_a_case_of_the_calibration_opens_in_explore(page):
    """Its numbers there are those that were shipped, and back on the page the choices are kept."""
    page.get_by_role("link", name="Calibration").click()
    page.wait_for_selector(".st-key-scatter .main-svg", timeout=90_000, state="attached")
    page.get_by_role("radio", name="four moments").click()
    page.wait_for_function("document.body.innerText.includes('radius by four moments')")
    settled(page)
    plot = page.locator(".st-key-scatter .nsewdrag").first
    plot.scroll_into_view_if_needed()
    x, y, index = page.evaluate(LONELIEST)
    box = plot.bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.click(box["x"] + x, box["y"] + y)
    row = cases(shipped("smollm2-135m")).loc[index]
    page.wait_for_selector(".st-key-ray .main-svg", timeout=90_000, state="attached")
    assert page.get_by_label("Prompt", exact=True).input_value() == row["prompt"]
    # single precision keeps seven digits of the shipped radii
    assert shown(page, "predicted r") == f"{row['predicted']:#.3g}".rstrip(".")
    side = "actual +" if row["side"] > 0 else "actual −"
    assert shown(page, side) == f"{row['actual']:#.3g}".rstrip(".")
    page.get_by_role("link", name="Calibration").click()
    page.wait_for_function("document.body.innerText.includes('radius by four moments')")
