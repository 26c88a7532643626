"""The ray in the browser: what is drawn is the library's, and the hand moves it in place."""

import numpy as np
import pytest
from support.drawn import HALF_TENTH, DrawnAxes, figure, number, points, settled, touch, written
from support.scenes import ray_scene, with_pins
from support.states import nearly_one_hot, random_state

pytestmark = pytest.mark.browser

EPSILON = 0.1


@pytest.fixture
def page(mounted, made):
    return mounted(made[1], epsilon=EPSILON)


def kl_at(ray, t):
    return float(ray.kl(np.array([t]))[0])


def marks(page, kind):
    axes = DrawnAxes(figure(page, "ray"))
    paths = page.eval_on_selector_all(
        f".{kind}-marks path",
        "(all) => all.map((one) => one.getBBox()).map((b) => [b.x + b.width / 2, b.y + b.height / 2])",
    )
    return [(float(axes.x(x)), float(axes.y(y))) for x, y in paths]


@pytest.mark.parametrize("state", [random_state(seed=3), nearly_one_hot()], ids=["even", "certain"])
@pytest.mark.parametrize("epsilon", [0.001, 1.0])
def test_the_curves_are_those_of_the_library(mounted, state, epsilon):
    ray, scene = ray_scene(state)
    page = mounted(scene, epsilon=epsilon)
    axes = DrawnAxes(figure(page, "ray"))
    for curve, f in (("actual", ray.kl), ("predicted", ray.quadratic)):
        drawn = points(page.locator(f".plot > path.{curve}").get_attribute("d"))
        drawn = drawn[axes.y(drawn[:, 1]) < 3 * epsilon]
        t = axes.x(drawn[:, 0])
        # a pixel is written to a tenth, and the curve is as steep as it is
        slope = np.abs(np.gradient(f(t), t))
        error = HALF_TENTH * (abs(axes.y.rate) + slope * axes.x.rate)
        assert (np.abs(axes.y(drawn[:, 1]) - f(t)) <= 3 * error).all()
        assert len(drawn) > 10


def test_radii_and_boundaries_stand_where_the_library_finds_them(page, made):
    ray, _ = made
    axes = DrawnAxes(figure(page, "ray"))
    minus, plus = ray.boundary(EPSILON)
    r = ray.predicted_radius(EPSILON)
    pixel = abs(axes.x.rate)
    assert [t for t, _ in marks(page, "predicted")] == pytest.approx([-r, r], abs=pixel / 2)
    assert [t for t, _ in marks(page, "actual")] == pytest.approx([-minus, plus], abs=pixel / 2)
    level = abs(axes.y.rate) / 2
    assert [y for _, y in marks(page, "actual")] == pytest.approx([EPSILON, EPSILON], abs=level)


@pytest.mark.parametrize("epsilon", [0.001, 0.1, 3.0])
def test_the_axis_ends_past_the_boundary_the_radius_and_a_flip_near_them(mounted, made, epsilon):
    ray, scene = made
    page = mounted(scene, epsilon=epsilon)
    axes = DrawnAxes(figure(page, "ray"))
    plot = page.locator('[data-testid="figure-ray"] .plot')
    left = float(plot.get_attribute("x"))
    right = left + float(plot.get_attribute("width"))
    minus, plus = map(
        drawn_length, ray.boundary(epsilon), ray.flips(), [ray.predicted_radius(epsilon)] * 2
    )
    assert [axes.x(left), axes.x(right)] == pytest.approx([-minus, plus], rel=1e-4)


def drawn_length(boundary, flips, predicted):
    """The rule of js/axes.js."""
    drawn = 1.35 * max(predicted, boundary or 3 * predicted)
    first = flips[0].distance if flips else np.inf
    return max(drawn, 1.15 * first) if first < 2 * drawn else drawn


def test_the_line_of_epsilon_follows_the_pointer_and_the_axes_wait(page):
    before = figure(page, "ray").locator(".ticks").text_content()
    axes = DrawnAxes(figure(page, "ray"))
    knob = figure(page, "ray").locator(".knob").bounding_box()
    x, y = knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 60)
    settled(page)
    assert figure(page, "ray").locator(".ticks").text_content() == before
    top = figure(page, "ray").locator(".picture").bounding_box()["y"]
    asked = float(axes.y(y - 60 - top))
    drawn = float(page.get_by_test_id("epsilon").get_attribute("aria-valuenow"))
    assert drawn == pytest.approx(asked, rel=5e-3)
    assert [level for _, level in marks(page, "predicted")] == pytest.approx([drawn] * 2, rel=5e-3)
    page.mouse.up()
    settled(page)
    assert figure(page, "ray").locator(".ticks").text_content() != before


def test_every_key_on_epsilon_counts(page):
    slider = page.get_by_test_id("epsilon")
    slider.focus()
    # all before a frame is drawn
    slider.evaluate(
        """(node) => { for (let i = 0; i < 8; i += 1)
            node.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true })); }"""
    )
    settled(page)
    assert float(slider.get_attribute("aria-valuenow")) == 0.63
    for key, value in (("PageDown", 0.063), ("Home", 1e-4), ("End", 3.0), ("ArrowLeft", 2.5)):
        slider.press(key)
        settled(page)
        assert float(slider.get_attribute("aria-valuenow")) == value
    assert page.evaluate("events.length") == 0


def test_dragging_the_slider_sets_epsilon(page):
    track = page.locator(".budget .track").bounding_box()
    page.mouse.click(track["x"] + 1, track["y"] + 12)
    settled(page)
    low = float(page.get_by_test_id("epsilon").get_attribute("aria-valuenow"))
    assert low == pytest.approx(1e-4, rel=0.05)
    assert page.evaluate("document.activeElement.dataset.testid") == "epsilon"


def test_t_follows_the_pointer_and_what_is_read_is_the_library_s(page, made):
    ray, _ = made
    ground = figure(page, "ray").locator(".ground").bounding_box()
    page.mouse.move(ground["x"] + 0.6 * ground["width"], ground["y"] + 20)
    page.mouse.down()
    page.mouse.move(ground["x"] + 0.9 * ground["width"], ground["y"] + 20)
    page.mouse.up()
    settled(page)
    t = float(page.get_by_test_id("t").get_attribute("aria-valuenow"))
    axes = DrawnAxes(figure(page, "ray"))
    picture = figure(page, "ray").locator(".picture").bounding_box()
    assert t == pytest.approx(axes.x(ground["x"] + 0.9 * ground["width"] - picture["x"]), rel=1e-4)
    assert page.get_by_test_id("kl-at-t").text_content() == f"{written(kl_at(ray, t))} nats"
    top = int(ray.probabilities(np.array([t]))[:, 0].argmax())
    assert page.get_by_test_id("argmax-at-t").text_content() == f"<{top}>"
    dot = figure(page, "ray").locator(".cursor circle")
    assert axes.y(float(dot.get_attribute("cy"))) == pytest.approx(kl_at(ray, t), rel=1e-3)


def test_keys_move_t_by_a_twentieth_of_the_radius(page, made):
    r = made[0].predicted_radius(EPSILON)
    slider = page.get_by_test_id("t")
    for key, steps in (("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10), ("0", 0)):
        slider.press(key)
        settled(page)
        assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(steps * r / 20)
    slider.press("End")
    settled(page)
    assert slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    assert page.get_by_test_id("kl-at-t").text_content() != "0 nats"


def test_play_moves_t_to_the_end_and_stops_at_a_key(page):
    page.get_by_test_id("play").click()
    page.wait_for_function("document.querySelector('[data-testid=t]').ariaValueNow !== '0'")
    assert page.get_by_test_id("play").get_attribute("aria-label") == "Pause"
    page.get_by_test_id("t").press("0")
    settled(page)
    assert page.get_by_test_id("play").get_attribute("aria-label").startswith("Play")
    assert float(page.get_by_test_id("t").get_attribute("aria-valuenow")) == 0


def width_in_view(page):
    return DrawnAxes(figure(page, "ray")).x.rate


def test_zoom_stays_while_epsilon_moves_and_a_double_click_shows_all(page):
    whole = width_in_view(page)
    figure(page, "ray").locator(".ground").hover(position={"x": 100, "y": 30})
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    settled(page)
    zoomed = width_in_view(page)
    assert zoomed == pytest.approx(whole / np.e, rel=1e-3)
    page.get_by_test_id("epsilon").press("ArrowRight")
    settled(page)
    assert width_in_view(page) == pytest.approx(zoomed, rel=1e-6)
    page.get_by_test_id("epsilon").press("ArrowLeft")
    figure(page, "ray").locator(".ground").dblclick(position={"x": 100, "y": 30})
    settled(page)
    assert width_in_view(page) == pytest.approx(whole, rel=1e-6)
    page.get_by_role("button", name="Zoom into the ray").click()
    settled(page)
    assert width_in_view(page) == pytest.approx(whole / 1.5, rel=1e-3)
    page.get_by_test_id("t").press("-")
    settled(page)
    assert width_in_view(page) == pytest.approx(whole, rel=1e-3)


def test_fixed_axes_stay_while_the_level_moves(page):
    page.get_by_test_id("fixed").click()
    settled(page)
    before = figure(page, "ray").locator(".ticks").text_content()
    level = float(figure(page, "ray").locator(".level").get_attribute("y1"))
    page.get_by_test_id("epsilon").press("ArrowRight")
    settled(page)
    assert figure(page, "ray").locator(".ticks").text_content() == before
    assert float(figure(page, "ray").locator(".level").get_attribute("y1")) < level


def test_units_change_every_number_of_the_axis(page, made):
    before = width_in_view(page)
    page.get_by_test_id("units").click()
    settled(page)
    assert width_in_view(page) == pytest.approx(100 * before / made[1]["setting"]["norm"], rel=1e-3)
    assert "%" in figure(page, "ray").locator(".ticks").text_content()


def test_a_new_scene_changes_the_nodes_and_keeps_them_and_the_focus(page):
    page.get_by_test_id("t").focus()
    page.evaluate(
        "(kinds) => { globalThis.kept = [...document.querySelectorAll(kinds)]; }",
        ".figure, .picture, path.actual, .handle, .thumb, .chip, .eigenvalue, .next-token",
    )
    other = ray_scene(random_state(seed=8), rank=1)[1]
    page.evaluate("(scene) => mounted.receive(scene)", other)
    settled(page)
    assert page.evaluate("kept.length > 30 && kept.every((node) => node.isConnected)")
    assert page.evaluate("document.activeElement.dataset.testid") == "t"


def test_flips_name_the_token_that_takes_over_and_names_do_not_overlap(mounted):
    ray, scene = ray_scene(random_state(seed=5, V=400))
    page = mounted(scene, epsilon=3.0)
    boxes = page.eval_on_selector_all(
        '[data-testid="figure-ray"] .names text',
        """(all) => all.map((one) => one.getBoundingClientRect())
            .map((box) => [box.left, box.right, box.top, box.bottom])""",
    )
    assert len(boxes) > 1
    for i, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[:i]:
            assert (
                right <= other[0]
                or other[1] <= left
                or bottom <= other[2] + 4
                or other[3] <= top + 4
            )
    titles = page.eval_on_selector_all(".flips title", "(all) => all.map((one) => one.textContent)")
    shown = {f"<{flip.id}> takes over here" for side in ray.flips() for flip in side}
    assert titles
    assert set(titles) <= shown


def test_a_kept_ray_lies_under_the_present_one_with_a_dash_and_a_name(mounted, made):
    other = ray_scene(random_state(seed=8))
    page = mounted(with_pins(made[1], other[1]), epsilon=EPSILON)
    axes = DrawnAxes(figure(page, "ray"))
    drawn = points(page.locator(".pinned path").get_attribute("d"))
    near = drawn[axes.y(drawn[:, 1]) < EPSILON]
    np.testing.assert_allclose(
        axes.y(near[:, 1]), other[0].kl(axes.x(near[:, 0])), atol=1.5 * abs(axes.y.rate)
    )
    assert page.locator(".pinned path").get_attribute("stroke-dasharray")
    assert "pin 1: eigendirection 1" in figure(page, "ray").locator(".legend").text_content()


def test_the_closed_form_is_drawn_while_the_truth_is_computed(mounted, made):
    line = made[1]["line"]
    closed = {"kind": "closed form", "variance": line["variance"], "reach": [9.0, 9.0]}
    page = mounted({**made[1], "line": closed}, epsilon=EPSILON)
    assert len(points(page.locator(".plot > path.predicted").get_attribute("d"))) > 10
    assert not page.locator(".plot > path.actual").get_attribute("d")
    assert "being computed" in figure(page, "ray").locator(".legend").text_content()
    page.evaluate("(scene) => mounted.receive(scene)", made[1])
    settled(page)
    assert len(points(page.locator(".plot > path.actual").get_attribute("d"))) > 10


def test_without_curvature_a_sentence_stands_for_the_figure(mounted, made):
    page = mounted({**made[1], "line": None})
    assert "Nothing changes along this direction" in figure(page, "ray").text_content()
    assert not figure(page, "ray").locator(".picture").is_visible()
    assert not page.get_by_test_id("t").is_visible()


def test_behind_the_figure_stands_a_table_that_keys_open(page, made):
    ray, _ = made
    button = figure(page, "ray").get_by_role("button", name="Data")
    button.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    rows = figure(page, "ray").locator("tbody tr").all_text_contents()
    assert any("actual boundary" in row for row in rows)
    cells = figure(page, "ray").locator("tbody tr").first.locator("td").all_text_contents()
    assert number(cells[1]) == pytest.approx(kl_at(ray, number(cells[0])), rel=2e-2)


def test_where_motion_is_unwelcome_play_moves_t_in_steps(mounted, made):
    page = mounted(made[1], device={"reduced_motion": "reduce"}, epsilon=EPSILON)
    slider = page.get_by_test_id("t")
    ends = [float(slider.get_attribute(f"aria-value{end}")) for end in ("min", "max")]
    page.get_by_test_id("play").click()
    settled(page)
    assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(ends[0])
    page.wait_for_function(
        f"Number(document.querySelector('[data-testid=t]').ariaValueNow) > {ends[0] + 1e-9}"
    )
    first = float(slider.get_attribute("aria-valuenow"))
    assert first == pytest.approx(ends[0] + (ends[1] - ends[0]) / 16)


@pytest.fixture
def touched(mounted, made):
    return mounted(made[1], 390, 844, device={"has_touch": True}, epsilon=EPSILON)


def test_a_finger_that_swipes_up_on_a_figure_scrolls_the_page(touched):
    figure(touched, "ray").scroll_into_view_if_needed()
    ground = figure(touched, "ray").locator(".ground").bounding_box()
    x, y = ground["x"] + 60, ground["y"] + ground["height"] - 30
    before = touched.evaluate("scrollY")
    touch(touched, [[(x, y - 20 * step)] for step in range(11)])
    touched.wait_for_function(f"scrollY > {before + 100}")
    assert float(touched.get_by_test_id("epsilon").get_attribute("aria-valuenow")) == EPSILON


@pytest.mark.parametrize("slider", ["t", "epsilon"])
def test_a_finger_that_swipes_up_on_a_slider_leaves_it(touched, slider):
    track = touched.locator(".track").filter(has=touched.get_by_test_id(slider))
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    value = touched.get_by_test_id(slider).get_attribute("aria-valuenow")
    x, y = box["x"] + 0.8 * box["width"], box["y"] + 12
    touch(touched, [[(x, y - 20 * step)] for step in range(6)])
    settled(touched)
    assert touched.get_by_test_id(slider).get_attribute("aria-valuenow") == value
    box = track.bounding_box()
    x, y = box["x"] + 0.8 * box["width"], box["y"] + 12
    touch(touched, [[(x - 20 * step, y)] for step in range(4)])
    settled(touched)
    assert touched.get_by_test_id(slider).get_attribute("aria-valuenow") != value


def test_a_drag_that_the_browser_takes_away_is_put_back(page):
    t = page.get_by_test_id("t")
    track = page.locator(".scrubber .track")
    box = track.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 12)
    page.mouse.down()
    settled(page)
    assert float(t.get_attribute("aria-valuenow")) != 0
    track.dispatch_event("pointercancel", {"pointerId": 1})
    settled(page)
    assert float(t.get_attribute("aria-valuenow")) == 0
    page.mouse.up()


def test_before_the_first_scene_nothing_can_be_used(mounted, made):
    page = mounted(None, epsilon=EPSILON)
    assert page.locator(".instrument").get_attribute("inert") == ""
    for name in ("copy-python", "take-away", "play"):
        page.get_by_test_id(name).dispatch_event("pointerdown")
    page.mouse.click(300, 20)
    page.evaluate("(scene) => mounted.receive(scene)", made[1])
    settled(page)
    assert page.locator(".instrument").get_attribute("inert") is None


def test_a_side_that_is_too_short_to_be_read_can_be_looked_at(mounted):
    scene = ray_scene(nearly_one_hot())[1]
    page = mounted(scene, epsilon=3.0)
    plot = page.locator('[data-testid="figure-ray"] .plot')
    width = float(plot.get_attribute("width"))
    near = min(abs(t) for t, _ in marks(page, "actual"))
    assert near / width_in_view(page) < width / 20
    page.get_by_role("button", name="look at the").click()
    settled(page)
    assert near / width_in_view(page) > width / 4
    page.get_by_role("button", name="Show the whole ray").click()
    settled(page)
    assert near / width_in_view(page) < width / 20


def test_two_fingers_zoom_the_ray(touched):
    figure(touched, "ray").scroll_into_view_if_needed()
    whole = width_in_view(touched)
    ground = figure(touched, "ray").locator(".ground").bounding_box()
    x, y = ground["x"] + ground["width"] / 2, ground["y"] + ground["height"] / 4
    touch(touched, [[(x - apart, y), (x + apart, y)] for apart in (40, 60, 80)])
    settled(touched)
    assert width_in_view(touched) == pytest.approx(whole / 2, rel=1e-2)


def test_ends_of_the_axis_beyond_what_is_known_are_brought_back_with_a_note(mounted, made):
    minus, plus = made[1]["line"]["reach"]
    page = mounted(made[1], zoom=[-1e9, plus / 2])
    low, high = page.wait_for_function("views.at(-1)?.zoom").json_value()
    assert (low, high) == pytest.approx((-minus, plus / 2), rel=1e-6)
    assert "−1.00e+09" in page.locator('[data-area="notices"]').inner_text()


def test_an_end_as_a_link_writes_it_needs_no_note(mounted, made):
    """Six digits may lie beyond it."""
    _, plus = made[1]["line"]["reach"]
    page = mounted(made[1], t=plus * (1 + 4e-6), zoom=[0.0, plus * (1 + 4e-6)])
    assert page.get_by_test_id("notes").is_hidden()
    assert float(page.get_by_test_id("t").get_attribute("aria-valuenow")) <= plus


def test_a_point_beyond_what_is_known_of_the_ray_is_brought_back_with_a_note(mounted, made):
    page = mounted(made[1], t=1e9)
    shown = page.get_by_test_id("t").get_attribute("aria-valuenow")
    assert float(shown) == pytest.approx(made[1]["line"]["reach"][1], rel=1e-6)
    assert "1.00e+09" in page.locator('[data-area="notices"]').inner_text()
