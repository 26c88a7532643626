"""The figures of tokens: the strip, next tokens, probabilities along the ray, and what is pushed."""

import numpy as np
import pytest
from support.drawn import DrawnAxes, figure, number, settled, written
from support.scenes import prompt_token

from stability.text import spelled

pytestmark = pytest.mark.browser

EPSILON = 0.1
HOSTILE = [
    "<script>alert(1)</script>",
    "<b>&amp;",
    spelled("שלום"),
    spelled("\u0301\u0302\u0303"),
    "x" * 3000,
    spelled("\u202eabc"),
]


@pytest.fixture
def page(mounted, made):
    return mounted(made[1], epsilon=EPSILON)


def receive(page, scene):
    page.evaluate("(scene) => mounted.receive(scene)", scene)
    settled(page)


def events(page):
    return [
        {name: value for name, value in event.items() if name != "view"}
        for event in page.evaluate("events")
    ]


def test_a_click_and_the_arrow_keys_choose_a_token(page):
    page.get_by_test_id("token-1").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    positions = [event["position"] for event in events(page)]
    assert positions == [1, 2, 4, 4, 0]
    assert page.evaluate("document.activeElement.dataset.testid") == "token-0"


def test_the_line_beneath_tells_of_the_token_under_the_hand(page):
    told = page.locator(".told")
    assert told.text_content().startswith("word4: position 4, id 104")
    page.get_by_test_id("token-2").hover()
    # the radius at ε = 1 is 1
    assert f"shortest predicted radius {written(EPSILON**0.5)}" in told.text_content()
    page.get_by_test_id("token-0").focus()
    assert told.text_content().startswith("word0")


def test_the_colour_bar_has_the_ends_of_the_radii(page):
    bar = page.locator(".colour-bar").text_content()
    assert written(0.5 * EPSILON**0.5) in bar
    assert written(1.5 * EPSILON**0.5) in bar


def test_chips_are_neutral_as_long_as_their_radii_are_not_known(mounted, made):
    tokens = [{**token, "radius": None, "entropy": None} for token in made[1]["tokens"]]
    page = mounted({**made[1], "tokens": tokens})
    assert page.get_by_test_id("token-0").get_attribute("style") is None
    assert not page.locator(".colour-bar").is_visible()
    assert "radius being computed" in page.locator(".told").text_content()


@pytest.mark.parametrize(
    ("reason", "said"), [("flat", "none, without curvature"), ("unknown", "not known")]
)
def test_why_a_token_has_no_radius_is_said(page, made, reason, said):
    tokens = [{**token, "radius": None, "no_radius": reason} for token in made[1]["tokens"]]
    receive(page, {**made[1], "tokens": tokens})
    assert f"shortest predicted radius {said}" in page.locator(".told").text_content()


def test_a_radius_is_a_part_of_its_own_vector_s_norm_and_said_to_be_the_readout_s(page, made):
    scene = made[1]
    own = [{**token, "norm": 10.0 * (token["index"] + 1)} for token in scene["tokens"]]
    setting = {**scene["setting"], "site": "block:0"}
    receive(page, {**scene, "tokens": own, "setting": setting})
    page.get_by_test_id("units").click()
    page.get_by_test_id("token-2").hover()
    settled(page)
    # the radius at ε = 1 is 1, of a vector of norm 30
    share = written(100 * EPSILON**0.5 / 30)
    told = page.locator(".told").text_content()
    assert f"shortest predicted radius at the readout {share} %" in told
    bar = page.locator(".colour-bar").text_content()
    shares = [100 * token["radius"] * EPSILON**0.5 / token["norm"] for token in own]
    assert (
        bar == f"radius at the readout: short {written(min(shares))} %{written(max(shares))} % long"
    )


def test_two_thousand_tokens_have_a_chip_each_and_the_page_does_not_jump(mounted, made):
    tokens = [prompt_token(index) for index in range(2000)]
    scene = {**made[1], "tokens": tokens}
    scene["setting"] = {**scene["setting"], "position": 1999}
    page = mounted(scene)
    assert page.locator(".chip").count() == 2000
    assert page.evaluate("scrollY") == 0
    assert page.locator(".chips").evaluate("(node) => node.scrollTop") > 0
    page.get_by_test_id("token-1999").focus()
    page.keyboard.press("ArrowLeft")
    assert events(page) == [{"kind": "position", "position": 1998}]


def is_whole(page, position):
    """Whether a chip and its outline are within the strip."""
    chips, chip = page.locator(".chips"), page.get_by_test_id(f"token-{position}")
    box, inner = chips.bounding_box(), chip.bounding_box()
    above = inner["y"] - box["y"]
    return 2 <= above <= box["height"] - inner["height"] - 2


def test_the_chosen_one_of_many_tokens_is_wholly_in_view(mounted, made):
    scene = {**made[1], "tokens": [prompt_token(index) for index in range(400)]}
    for position in (0, 199, 230, 399):
        scene["setting"] = {**scene["setting"], "position": position}
        page = mounted(scene)
        assert is_whole(page, position)
    # the same strip, another token; then lines of other lengths
    for position in (180, 20, 171):
        scene["setting"] = {**scene["setting"], "position": position}
        receive(page, scene)
        assert is_whole(page, position)
    for width in (390, 700):
        page.set_viewport_size({"width": width, "height": 844})
        settled(page)
        assert is_whole(page, position)


def test_hostile_texts_are_text(mounted, made):
    tokens = [prompt_token(index, text) for index, text in enumerate(HOSTILE)]
    line = made[1]["line"]
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(len(line["texts"]))]
    following = [
        {**token, "text": HOSTILE[i % len(HOSTILE)]} for i, token in enumerate(made[1]["next"])
    ]
    scene = {**made[1], "tokens": tokens, "line": {**line, "texts": texts}, "next": following}
    page = mounted(scene, epsilon=3.0, chosen=line["ids"][:6])
    assert page.locator(".chip").all_text_contents() == HOSTILE
    assert page.locator(".instrument script, .instrument b:has(script)").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("ray", "shares", "next", "pushes", "spectrum"):
        assert figure(page, name).is_visible()


def test_a_conversation_shows_whose_words_a_token_is(mounted, made):
    roles = [
        ("template", True),
        ("user", False),
        ("user", False),
        ("template", True),
        ("assistant", False),
    ]
    tokens = [
        {**prompt_token(i), "role": role, "special": special}
        for i, (role, special) in enumerate(roles)
    ]
    page = mounted({**made[1], "tokens": tokens})
    starts = page.eval_on_selector_all(".chip", "(all) => all.map((chip) => chip.dataset.starts)")
    assert starts == ["", "user", "", "", "assistant"]
    assert page.locator(".chip.special").count() == 2


def test_next_tokens_at_t_are_those_of_the_library(mounted, made):
    ray, scene = made
    t = 2.5 * ray.predicted_radius(EPSILON)
    page = mounted(scene, epsilon=EPSILON, t=t)
    values = page.locator(".next-token:visible .value").all_text_contents()
    probabilities = ray.probabilities(np.array([t]))[:, 0]
    ids = [token["id"] for token in scene["next"]]
    top = int(probabilities.argmax())
    expected = ids if top in ids else [*ids, top]
    assert values == [written(float(probabilities[token])) for token in expected]


def test_rows_of_next_tokens_stay_where_they_are(page, made):
    names = page.locator(".next-token .name").all_text_contents()
    place = "(node) => [node.offsetTop, node.offsetHeight]"
    before = figure(page, "next").evaluate(place)
    page.get_by_test_id("t").press("End")
    settled(page)
    assert page.locator(".next-token .name").all_text_contents()[:10] == names[:10]
    assert figure(page, "next").evaluate(place) == before


def test_a_next_token_is_chosen_by_a_click_and_pushed_to_by_its_button(page, made):
    following = made[1]["next"]
    page.locator(".next-token").nth(1).click()
    settled(page)
    assert page.locator(".next-token").nth(1).get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name=f"towards {following[2]['text']}").click()
    assert events(page) == [
        {"kind": "towards", "from": following[0]["id"], "to": following[2]["id"]}
    ]


def test_the_joint_probability_of_chosen_tokens_is_the_library_s(mounted, made):
    ray, scene = made
    ids = [token["id"] for token in scene["next"][:2]]
    t = ray.predicted_radius(EPSILON)
    page = mounted(scene, epsilon=EPSILON, chosen=ids, t=t)
    joint = float(ray.probabilities(np.array([t]))[ids].sum())
    assert figure(page, "shares").locator(".figure-title").text_content().endswith(written(joint))
    axes = DrawnAxes(figure(page, "shares"))
    drawn = page.locator(".plot > path.joint").evaluate(
        "(path) => { const p = path.getPointAtLength(0); return [p.x, p.y]; }"
    )
    at_left = float(ray.probabilities(np.array([float(axes.x(drawn[0]))]))[ids].sum())
    assert float(axes.y(drawn[1])) == pytest.approx(at_left, abs=abs(axes.y.rate))


def test_a_tap_on_a_band_chooses_its_token_and_leaves_t(page, made):
    figure(page, "shares").scroll_into_view_if_needed()
    ground = figure(page, "shares").locator(".ground").bounding_box()
    # the lowest band is that of the likeliest token
    x, y = ground["x"] + ground["width"] / 2, ground["y"] + ground["height"] - 3
    page.mouse.click(x, y)
    settled(page)
    pressed = figure(page, "shares").locator('.choice[aria-pressed="true"]').all_text_contents()
    assert pressed == [made[1]["next"][0]["text"]]
    assert float(page.get_by_test_id("t").get_attribute("aria-valuenow")) == 0
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y)
    page.mouse.up()
    settled(page)
    assert float(page.get_by_test_id("t").get_attribute("aria-valuenow")) > 0
    figure(page, "shares").locator(".choice").first.press("Enter")
    settled(page)
    assert figure(page, "shares").locator('.choice[aria-pressed="true"]').count() == 0


def test_bands_are_as_thick_as_their_tokens_are_likely(page, made):
    ray, scene = made
    axes = DrawnAxes(figure(page, "shares"))
    heights = page.eval_on_selector_all(
        ".areas path",
        "(all) => all.map((path) => { const p = path.getPointAtLength(0); return [p.x, p.y]; })",
    )
    t = np.array([float(axes.x(heights[0][0]))])
    texts = figure(page, "shares").locator(".choice").all_text_contents()
    ids = [scene["line"]["ids"][scene["line"]["texts"].index(text)] for text in texts]
    expected = np.cumsum(ray.probabilities(t)[ids, 0])
    np.testing.assert_allclose([axes.y(y) for _, y in heights], expected, atol=abs(axes.y.rate))


def test_what_is_pushed_changes_by_what_the_library_says(page, made):
    ray, scene = made
    r = ray.predicted_radius(EPSILON)
    minus, start, plus = ray.probabilities(np.array([-r, 0.0, r])).T
    figure(page, "pushes").get_by_role("button", name="Data").click()
    rows = [
        row.locator("td").all_text_contents()
        for row in figure(page, "pushes").locator("tbody tr").all()
    ]
    assert 2 < len(rows) <= 8
    for text, left, right in rows:
        token = scene["line"]["ids"][scene["line"]["texts"].index(text)]
        # differences of probabilities cancel digits
        assert number(left) == pytest.approx(minus[token] - start[token], rel=5e-3, abs=1e-6)
        assert number(right) == pytest.approx(plus[token] - start[token], rel=5e-3, abs=1e-6)


def test_an_eigenvalue_is_chosen_by_one_click_or_a_key(page):
    page.get_by_test_id("eigen-1").locator("circle").click()
    page.get_by_test_id("eigen-0").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    assert events(page) == [{"kind": "direction", "rank": rank} for rank in (1, 1, 2)]
    assert page.get_by_test_id("eigen-0").get_attribute("aria-checked") == "true"


def test_eigenvalues_stand_at_their_height_on_decades(page, made):
    values = made[1]["spectrum"]["eigenvalues"]
    heights = page.eval_on_selector_all(
        ".eigenvalue circle", "(all) => all.map((dot) => Number(dot.getAttribute('cy')))"
    )
    steps = np.diff(heights) / np.diff(np.log(values))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


def test_five_hundred_eigenvalues_are_told_apart_by_their_place(mounted, made):
    eigenvalues = np.geomspace(1, 1e-7, 512).tolist()
    scene = {**made[1], "spectrum": {**made[1]["spectrum"], "eigenvalues": eigenvalues}}
    page = mounted(scene)
    page.get_by_test_id("eigen-300").focus()
    page.keyboard.press(" ")
    assert events(page) == [{"kind": "direction", "rank": 300}]
    labels = figure(page, "spectrum").locator(".ticks text").all_text_contents()
    assert len(labels) < 16
