"""What a person does, in a real browser on a real server, compared with the library's numbers."""

from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import MARKS, Line, driven, settled, taken_over, until
from support.vector_files import sae_folder

import stability
from stability.evaluation.calibration import cases
from stability.reproduction.settings import shipped
from stability.steering.crossings import statistics
from stability.steering.scenes import first
from stability.text import digits, spelled

pytestmark = MARKS


@pytest.fixture
def browser():
    with driven() as browser:
        yield browser


@pytest.fixture(autouse=True)
def no_errors():
    yield
    assert ERRORS == []


@pytest.fixture(scope="module")
def tab(server):
    """A page in which the app is opened again and again: in a new one that takes four times as long."""
    with driven() as browser:
        page = blank(browser)
        page.goto(server)
        yield page


@pytest.fixture
def visit(tab, server):
    """Open an address of the app, as one who comes for the first time."""

    def open_at(address="", width=1440, height=900):
        tab.evaluate("localStorage.clear()")
        tab.mouse.move(0, 0)
        tab.set_viewport_size({"width": width, "height": height})
        tab.goto(f"{server}/{address}")
        return tab

    return open_at


TRUE = "document.querySelector('[data-testid=at-coefficient]').innerText.includes('true')"
# of the scripts on all pages
ERRORS: list[str] = []


@pytest.fixture
def page(visit):
    return begun(visit())


def blank(browser):
    """A page before it is opened."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.on("pageerror", lambda error: ERRORS.append(str(error)))
    return page


def explore(page, address):
    page.goto(address)
    return begun(page)


def begun(page):
    """Explore, once its numbers are on it."""
    taken_over(page)
    shown(page, "predicted", timeout=90_000)
    return page


def shown(page, name, timeout=20_000):
    """A number of the instrument, without its unit and remarks."""
    value = page.get_by_test_id(name)
    value.wait_for(timeout=timeout)
    return value.inner_text().split()[0]


def wait_for(page, name, value):
    """Wait until the instrument shows a number."""
    page.wait_for_function(
        "([id, text]) => document.querySelector(`[data-testid=${id}]`)?.innerText.startsWith(text)",
        arg=[name, f"{value:#.3g}"],
        # a server that has just been started still imports torch
        timeout=60_000,
    )


def submit(page, text, label="Prompt"):
    box = page.get_by_label(label, exact=True)
    box.fill(text)
    box.press("Enter")


def ray(lm, prompt, position=-1, rank=0, site="prelogit"):
    state = lm.capture(prompt, position, site)
    return stability.ray(state, stability.spectrum(state).vectors[:, rank])


@pytest.fixture
def lm(smollm2):
    return smollm2


def test_a_person_explores_a_prompt(page, lm):
    """A prompt, a token, an eigendirection, a budget: each leads to the library's numbers."""
    prompt = "Once upon a time there was"
    submit(page, prompt)
    wait_for(page, "predicted", ray(lm, prompt).predicted_radius(0.01))
    page.get_by_test_id("token-1").click()
    wait_for(page, "predicted", ray(lm, prompt, 1).predicted_radius(0.01))
    page.get_by_test_id("eigen-2").click()
    along = ray(lm, prompt, 1, 2)
    wait_for(page, "predicted", along.predicted_radius(0.01))
    page.get_by_test_id("epsilon").press("ArrowRight")
    page.locator('[data-testid="epsilon"]:not([aria-valuenow="0.01"])').wait_for()
    epsilon = float(page.get_by_test_id("epsilon").get_attribute("aria-valuenow"))
    assert epsilon > 0.01
    wait_for(page, "predicted", along.predicted_radius(epsilon))
    minus, plus = along.boundary(epsilon)
    wait_for(page, "actual-minus", minus)
    wait_for(page, "actual-plus", plus)
    assert page.get_by_label("Eigendirection", exact=True).input_value() == "3"
    assert page.get_by_test_id("stException").count() == 0


def test_a_budget_asks_the_server_for_nothing_and_a_direction_changes_the_picture_in_place(
    browser, server
):
    page = blank(browser)
    received = []

    def keep(frame):
        received.append(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", keep))
    explore(page, server)
    # until all of the first picture has come, after which the browser asks for no more
    until(page, lambda: any(b'"again": null' in frame for frame in received))
    settled(page)
    page.evaluate("document.querySelector('.instrument').mark = 'the same'")
    page.get_by_test_id("epsilon").focus()
    received.clear()
    before = shown(page, "predicted")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => !document.querySelector('[data-testid=predicted]').innerText.startsWith(before)",
        arg=before,
    )
    assert received == []
    page.get_by_test_id("eigen-1").click()
    page.wait_for_function("document.body.innerText.includes('Pushed along eigendirection 2')")
    settled(page)
    assert page.evaluate("document.querySelector('.instrument').mark") == "the same"
    # the picture comes before the side bar, whose controls are twenty messages, follows
    scene = next(i for i, frame in enumerate(received) if b'"spectrum"' in frame)
    assert len(received) > scene + 20 > 2 * scene + 2
    assert page.get_by_label("Eigendirection", exact=True).input_value() == "2"


ASK = """(events) => {
  const shared = globalThis.stabilityInstrument;
  for (const event of events) {
    shared.number += 1;
    shared.unanswered.push({ ...event, view: { epsilon: 0.01 }, number: shared.number });
    shared.send(shared.unanswered);
  }
}"""


def test_of_many_quick_clicks_the_newest_is_shown_and_none_is_lost(page, lm):
    prompt = page.get_by_label("Prompt", exact=True).input_value()
    clicks = [{"kind": "position", "position": i % 5} for i in range(12)]
    page.evaluate(ASK, [*clicks, {"kind": "pin"}, {"kind": "direction", "rank": 1}])
    page.evaluate(ASK, [{"kind": "position", "position": 2}])
    wait_for(page, "predicted", ray(lm, prompt, 2, 1).predicted_radius(0.01))
    page.get_by_test_id("unpin-0").wait_for()
    page.wait_for_function("globalThis.stabilityInstrument.unanswered.length === 0")


def test_a_link_gives_the_state_that_it_was_copied_from_and_back_goes_back(browser, visit, lm):
    page = begun(visit("?prompt=One+two+three&position=1&direction=eig:2&epsilon=0.1"))
    wait_for(page, "predicted", ray(lm, "One two three", 1, 2).predicted_radius(0.1))
    page.get_by_test_id("token-2").click()
    wait_for(page, "predicted", ray(lm, "One two three", 2, 2).predicted_radius(0.1))
    # the picture comes before the link
    page.wait_for_url(lambda url: "position=2" in url)
    again = explore(blank(browser), page.url)
    wait_for(again, "predicted", ray(lm, "One two three", 2, 2).predicted_radius(0.1))
    page.go_back()
    wait_for(page, "predicted", ray(lm, "One two three", 1, 2).predicted_radius(0.1))
    page.go_forward()
    wait_for(page, "predicted", ray(lm, "One two three", 2, 2).predicted_radius(0.1))


def test_a_link_that_cannot_be_is_answered_in_sentences(visit, lm):
    page = begun(visit("?site=banana&position=77&epsilon=99&prompt_z=AA&t=abc"))
    wait_for(page, "predicted", ray(lm, "The capital of France is").predicted_radius(3.0))
    said = page.locator(".instrument").inner_text()
    for words in ("prelogit, final or block:L", "from 0 to 4; received 77", "is damaged"):
        assert words in said
    assert page.get_by_test_id("stException").count() == 0


def test_the_address_says_what_is_shown_where_a_link_asked_for_what_there_is_not(visit):
    page = begun(visit("?site=block%3A99&position=99&t=1e9"))
    page.wait_for_url(lambda url: "block%3A29" in url and "position" not in url)
    notes = page.get_by_test_id("notes")
    notes.get_by_text("blocks of this model are 0 to 29; received 99: block 29 is shown").wait_for()
    notes.get_by_text("position must be from 0 to 4; received 99").wait_for()
    # once the network has been run along the ray
    notes.get_by_text("t must be from").wait_for(timeout=60_000)
    page.wait_for_url(lambda url: "1e9" not in url and "t=" in url)


def test_on_a_small_screen_both_pictures_and_the_menu_are_in_the_first_one(visit):
    page = begun(visit(width=1280, height=720))
    page.locator(".plane-frame").wait_for()
    for part in ("[data-testid=figure-ray] .picture", ".plane-frame"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 720, part
    page.get_by_test_id("take-away").click()
    box = page.locator(".takeaway").bounding_box()
    assert box["x"] >= 0
    assert box["y"] + box["height"] <= 720
    page.get_by_role("button", name="A report to print: HTML").click(trial=True)
    page.keyboard.press("Escape")


def test_a_push_towards_a_next_token_names_both_in_the_side_bar(page):
    page.get_by_role("button", name="towards ␣the").click()
    page.wait_for_url(lambda url: "direction=tokens" in url)
    fields = page.get_by_test_id("stSidebar").get_by_role("textbox")
    # by their ids until the model is loaded
    expect(fields.nth(0)).to_have_value("␣Paris", timeout=90_000)
    expect(fields.nth(1)).to_have_value("␣the", timeout=90_000)
    fields.nth(1).fill("␣London")
    fields.nth(1).press("Enter")
    page.get_by_test_id("verdict").get_by_text("␣London").first.wait_for(timeout=60_000)


def test_what_is_typed_on_a_slow_line_is_kept(browser, server):
    """A second field is filled in before the link with the first one has come back."""
    page = blank(browser)
    line = Line(page)
    explore(page, f'{server}?direction=tokens:["␣Paris","␣the"]')
    fields = page.get_by_test_id("stSidebar").get_by_role("textbox")
    with line.held() as held:
        for field, text in ((1, "␣London"), (0, "␣Rome")):
            fields.nth(field).fill(text)
            fields.nth(field).press("Enter")
            in_link = quote(text).encode()
            until(page, lambda name=in_link: any(name in message for message in held))
    page.wait_for_url(lambda url: "Rome" in url and "London" in url)
    page.get_by_test_id("verdict").get_by_text("␣London").first.wait_for(timeout=60_000)
    assert [field.input_value() for field in fields.all()[:2]] == ["␣Rome", "␣London"]


def test_the_budget_comes_along_to_other_pages_and_back(page):
    page.get_by_test_id("epsilon").focus()
    page.keyboard.press("End")
    page.wait_for_function("location.search.includes('epsilon=3')")
    page.get_by_role("link", name="Depth").click()
    slider = page.get_by_role("slider", name="how much change counts")
    page.wait_for_function("document.body.innerText.includes('ε = 3 nats')", timeout=20_000)
    slider.press("ArrowLeft")
    page.wait_for_function("document.body.innerText.includes('ε = 2.5 nats')", timeout=20_000)
    page.get_by_role("link", name="Explore").click()
    page.get_by_test_id("epsilon").wait_for(timeout=20_000)
    assert page.get_by_test_id("epsilon").get_attribute("aria-valuenow").startswith("2.5")


WRITTEN = """
    window.written = [location.pathname];
    navigation.addEventListener("currententrychange", () => written.push(location.pathname))"""
ADDRESSES = "navigation.entries().map(entry => entry.url.slice(location.origin.length))"


def test_every_page_that_is_opened_is_one_step_of_the_history(browser, server):
    """With its own path and fields, which Streamlit writes one after the other."""
    page = explore(blank(browser), server)
    submit(page, "One two")
    page.wait_for_url(lambda url: "prompt=One+two" in url)
    for name, address in (("Calibration", "shown_epsilon="), ("Explore", "prompt=One+two")):
        page.get_by_role("link", name=name).click()
        page.wait_for_url(lambda url, address=address: address in url)
        settled(page)
    explored = "/?prompt=One+two"
    first, *steps = page.evaluate(ADDRESSES)
    assert steps == [explored, "/Calibration?shown_epsilon=1", explored]
    # the page in between is left before it has run: it may not write its path over another's
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    for address in (steps[1], steps[0]):
        page.go_back()
        page.wait_for_url(lambda url, address=address: url.endswith(address))
    page.evaluate(WRITTEN)
    settled(page)
    assert set(page.evaluate("window.written")) <= {"/"}
    assert page.evaluate(ADDRESSES) == [first, *steps]


def test_a_page_that_is_opened_without_a_pointer_is_a_step_too(page):
    """As by a screen reader; also after a step back, which begins no step."""
    first = page.url
    for name in ("Calibration", "Dose"):
        page.get_by_role("link", name=name).evaluate("(link) => link.click()")
        page.wait_for_url(lambda url, name=name: name in url)
        settled(page)
        page.go_back()
        page.wait_for_url(first)
        settled(page)


def test_who_goes_back_while_a_page_waits_to_be_opened_stays(page):
    """The way there waits for the server, which may be slow, to hear of what has been set."""
    page.get_by_test_id("eigen-1").click()
    page.wait_for_url(lambda url: "direction=eig" in url)
    settled(page)
    line = Line(page)
    with line.held():
        page.get_by_role("link", name="Depth").click()
        page.go_back()
        page.wait_for_timeout(1000)
    settled(page)
    assert page.evaluate("location.pathname") == "/"
    assert page.locator(".instrument").count() == 1


def test_enter_submits_and_a_line_break_at_the_end_is_pointed_out(page):
    box = page.get_by_label("Prompt", exact=True)
    hint = page.get_by_text("Ends with a line break")
    box.fill("One two")
    assert hint.is_hidden()
    box.press("Shift+Enter")
    assert box.input_value() == "One two\n"
    assert hint.is_visible()
    box.press("Backspace")
    box.press("Enter")
    page.get_by_test_id("token-1").filter(has_text="two").wait_for(timeout=20_000)
    assert page.get_by_test_id("token-2").count() == 0
    # leaving the field submits what was typed
    box.fill("Three four five")
    page.get_by_role("link", name="Depth").click()
    page.wait_for_url("**/Depth*")
    page.wait_for_function("location.search.includes('Three')", timeout=20_000)


def test_the_cloud_comes_into_view_when_it_is_asked_for(page):
    page.get_by_test_id("picture-cloud").click()
    expect(page.get_by_test_id("stPlotlyChart")).to_be_in_viewport(ratio=0.9, timeout=60_000)


def test_the_arrow_keys_walk_along_the_tokens(page):
    chosen = page.locator('.instrument button[aria-pressed="true"][data-testid^="token-"]')
    assert chosen.inner_text() == "␣is"
    chosen.press("ArrowLeft")
    chosen.filter(has_text="␣France").wait_for(timeout=20_000)
    assert page.evaluate("document.activeElement.innerText") == "␣France"


def test_a_person_walks_from_the_map_of_layers_to_explore_and_back(page, lm):
    """A cell opens Explore at its token and block, and what was set comes along both ways."""
    submit(page, "One two three")
    page.get_by_test_id("token-1").filter(has_text="two").wait_for(timeout=20_000)
    page.get_by_role("link", name="Depth").click()
    page.wait_for_selector(".st-key-depth_map .heatmaplayer", timeout=90_000, state="attached")
    settled(page)
    assert page.get_by_label("Prompt", exact=True).input_value() == "One two three"
    cells = page.locator(".st-key-depth_map .nsewdrag").first.bounding_box()
    column, row = (29 + 0.5) / 30, (1 + 0.5) / 3
    page.mouse.click(cells["x"] + column * cells["width"], cells["y"] + row * cells["height"])
    page.get_by_test_id("predicted").wait_for(timeout=60_000)
    along = ray(lm, "One two three", 1, 0, "block:29")
    wait_for(page, "predicted", along.predicted_radius(0.01))
    assert page.get_by_label("Prompt", exact=True).input_value() == "One two three"
    assert page.get_by_test_id("stException").count() == 0


def test_a_person_talks_to_the_model(page, lm):
    """A system prompt and three turns; any token of any turn can be chosen."""
    page.get_by_text("As a chat").click()
    submit(page, "One word.", "System")
    submit(page, "The capital of France", "User, turn 1")
    page.get_by_role("button", name="Add a turn of the assistant").click()
    submit(page, "Paris<|im_end|>", "Assistant, turn 2")
    page.get_by_role("button", name="Add a turn of the user").click()
    submit(page, "Of Italy?", "User, turn 3")
    turns = ["One word.", "The capital of France", "Paris<|im_end|>", "Of Italy?"]
    roles = ["system", "user", "assistant", "user"]
    talk = stability.Conversation.of(
        [{"role": role, "content": said} for role, said in zip(roles, turns, strict=True)]
    )
    tokens = lm.tokenize(talk)
    chips = page.locator('.instrument button[data-testid^="token-"]')
    chips.nth(len(tokens) - 1).wait_for(timeout=20_000)
    assert chips.all_inner_texts() == [spelled(token.text) for token in tokens]
    # the end of a turn that is spelled inside one is special, and the assistant's
    position = next(t.index for t in tokens if t.special and t.role == "assistant")
    chips.nth(position).click()
    wait_for(page, "predicted", ray(lm, talk, position).predicted_radius(0.01))
    page.get_by_role("button", name="Remove the last turn").click()
    chips.nth(len(tokens) - 1).wait_for(state="detached", timeout=60_000)
    left = lm.tokenize(stability.Conversation(talk.turns[:-1]))
    expect(chips).to_have_text([spelled(token.text) for token in left])
    assert page.get_by_test_id("stException").count() == 0


FAR = 400.0  # far outside every stable region of the prompt


def test_the_first_token_that_differs_is_marked_in_what_the_model_would_write(visit, lm):
    page = visit("Depth?section=what+it+would+write")
    page.get_by_label("also at t =").wait_for(timeout=90_000)
    prompt = page.get_by_label("Prompt", exact=True).input_value()
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


def test_a_row_of_a_dictionary_opens_in_explore(page, lm, tmp_path):
    """A person names a folder, measures its rows, finds one by a token, and clicks it."""
    rows = np.random.default_rng(0).standard_normal((40, 576)).astype(np.float32)
    folder = sae_folder(tmp_path / "sae", "blocks.20.hook_resid_post", rows)
    prompt = page.get_by_label("Prompt", exact=True).input_value()
    page.get_by_role("link", name="Dictionary").click()
    path = page.get_by_label("A path on this computer")
    path.fill(str(folder))
    path.press("Enter")
    page.get_by_role("button", name="Measure 40 rows").wait_for(timeout=90_000)
    chosen = page.get_by_label("Measured at")
    chosen.click()
    page.get_by_role("option", name="prelogit").click()
    # at once: what is meant is the site that has just been chosen
    page.get_by_role("button", name="Measure 40 rows").click()
    table = page.get_by_test_id("stDataFrame")
    table.wait_for(timeout=90_000)
    settled(page)
    find = page.get_by_label("Find rows by a token that they push, or by index")
    find.fill("␣London")
    find.press("Enter")
    found = "document.body.innerText.includes('that push such a token hardest')"
    page.wait_for_function(found, timeout=90_000)
    settled(page)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + 36 + 18)
    page.get_by_test_id("predicted").wait_for(timeout=90_000)
    first = int(stability.dictionary(lm.capture(prompt), rows).search("␣London")[0])
    along = stability.ray(lm.capture(prompt), rows[first])
    wait_for(page, "predicted", along.predicted_radius(0.01))
    wait_for(page, "actual-plus", along.boundary(0.01)[1])
    assert f"sae#{first}" in page.locator(".instrument").inner_text()
    page.wait_for_function("location.href.includes('direction=file')")
    assert page.get_by_test_id("stException").count() == 0


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


def test_a_case_of_the_calibration_opens_in_explore(browser, server):
    """Its numbers there are those that were shipped, and back on the page the choices are kept."""
    page = blank(browser)
    line = Line(page)
    explore(page, server)
    page.get_by_role("link", name="Calibration").click()
    page.wait_for_selector(".st-key-scatter .main-svg", timeout=90_000, state="attached")
    page.get_by_role("radio", name="four moments").click()
    title = ".st-key-scatter .xtitle:has-text('four moments')"
    page.locator(title).wait_for(state="attached", timeout=60_000)
    settled(page)
    plot = page.locator(".st-key-scatter .nsewdrag").first
    plot.scroll_into_view_if_needed()
    x, y, index = page.evaluate(LONELIEST)
    box = plot.bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.click(box["x"] + x, box["y"] + y)
    row = cases(shipped("smollm2-135m")).loc[index]
    page.get_by_test_id("predicted").wait_for(timeout=90_000)
    assert page.get_by_label("Prompt", exact=True).input_value() == row["prompt"]
    # single precision keeps seven digits of the shipped radii
    wait_for(page, "predicted", row["predicted"])
    wait_for(page, "actual-plus" if row["side"] > 0 else "actual-minus", row["actual"])
    with line.held() as held:
        # twice, as a person does who sees nothing happen
        for count in (1, 2):
            page.get_by_role("link", name="Calibration").click()
            until(page, lambda n=count: sum(b"shown_epsilon=" in message for message in held) >= n)
    page.locator(title).wait_for(state="attached", timeout=60_000)
    settled(page)
    assert "predictor=four+moments" in page.url
    assert page.locator(title).count() == 1


def test_a_vector_is_dosed_by_hand_and_moved_to_another_layer(visit, lm):
    """The truth comes where the hand rests, and a chosen layer has the dose that was drawn for it."""
    page = visit("Dose")
    shown(page, "dose-predicted", timeout=90_000)
    thumb = page.get_by_test_id("coefficient")
    for _ in range(3):
        thumb.press("ArrowLeft")
    at = page.get_by_test_id("at-coefficient")
    page.wait_for_function(TRUE, timeout=90_000)
    c = float(thumb.get_attribute("aria-valuenow"))
    found = first.measure(lm)
    kl = found.texts[0].divergences([c])
    assert f"true {digits(statistics.of_text('p95', kl, 0)[0])} nats" in at.inner_text()
    page.get_by_test_id("layer-25").click()
    v = found.vector.vectors[first.SITE]
    there = stability.dose(lm, v, first.PROMPT, site="block:25")
    information = statistics.of_text("p95", there.information[0][:, None], 0)[0]
    wait_for(page, "dose-predicted", (0.2 / information) ** 0.5)
    assert "measured at block:15, applied at block:25" in page.get_by_test_id("vector").inner_text()
    page.wait_for_function("location.search.includes('applied_block=25')")
    assert page.get_by_label("Applied after block", exact=True).input_value() == "25"
    assert page.get_by_test_id("stException").count() == 0
