"""The plane in the instrument: what is in view, and a point that the hand can take."""

import math

import numpy as np
import pytest
from support.drawn import settled, touch
from support.scenes import eigen_analysis, eigen_scene
from support.states import nonlinear_state

import stability
from stability.views.region import region_view

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</text></svg><b>x</b>",
    "&lt;",
    "%{x}",
    "\u202e␣x",
    "url(#x)",
]
FIGURE = "[data-testid=figure-region]"


@pytest.fixture(scope="module")
def sent(analysis):
    return eigen_scene(analysis)


def view(page, name):
    """A part of the view, as the next event would carry it."""
    settled(page)
    page.locator("[data-testid=pin]").click()
    return page.evaluate(f"events.pop().view.{name}")


def test_as_much_is_in_view_as_the_library_draws(mounted, analysis, sent):
    region = stability.region(analysis.state, *analysis.spectrum.vectors[:, :2].T)
    page = mounted(sent)
    for epsilon in (1e-3, 0.1, 1.0):
        drawn = region_view(region, ("", ""), epsilon, None)
        page.evaluate("(epsilon) => mounted.change({ epsilon })", epsilon)
        settled(page)
        half = float(page.get_by_test_id("point-x").get_attribute("aria-valuemax"))
        # both follow the furthest of their own sampled angles
        least = min(drawn.axis[-1], sent["plane"]["cells_extent"])
        assert half == pytest.approx(least, rel=2e-3)


def test_scales_are_equal_and_the_boundary_is_where_the_library_finds_it(mounted, analysis, sent):
    page = mounted(sent, epsilon=0.1)
    path = page.locator(".plane-actual").get_attribute("d").strip("M").split("L")
    points = np.array([[float(part) for part in point.split(",")] for point in path])
    half = float(page.get_by_test_id("point-x").get_attribute("aria-valuemax"))
    frame = page.locator(".plane-frame").evaluate(
        "(n) => ['x', 'y', 'width', 'height'].map((name) => Number(n.getAttribute(name)))"
    )
    left, top, width, height = frame
    assert width == height
    x = (points[:, 0] - left - width / 2) * 2 * half / width
    y = (top + height / 2 - points[:, 1]) * 2 * half / width
    region = stability.region(analysis.state, *analysis.spectrum.vectors[:, :2].T)
    # a tenth of a pixel, of some hundred
    np.testing.assert_allclose(region.kl(x, y), 0.1, rtol=0.01)


def drag(page, share_x, share_y):
    """Drag the point to a place of the square, in halves of its width from the middle."""
    box = page.locator(f"{FIGURE} .plane-frame").bounding_box()
    hand = page.locator(f"{FIGURE} .plane-hand").bounding_box()
    page.mouse.move(hand["x"] + hand["width"] / 2, hand["y"] + hand["height"] / 2)
    page.mouse.down()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    target = middle[0] + share_x * box["width"] / 2, middle[1] - share_y * box["width"] / 2
    page.mouse.move((middle[0] + target[0]) / 2, (middle[1] + target[1]) / 2)
    page.mouse.move(*target)
    settled(page)


def test_a_dragged_point_moves_the_prediction_and_turns_the_ray_when_let_go(
    mounted, analysis, sent
):
    page = mounted(sent, epsilon=0.1)
    page.locator(FIGURE).scroll_into_view_if_needed()
    half = float(page.get_by_test_id("point-x").get_attribute("aria-valuemax"))
    drag(page, 0.3, 0.5)
    region = stability.region(analysis.state, *analysis.spectrum.vectors[:, :2].T)
    nats = region.kl(np.array([0.3 * half]), np.array([0.5 * half]))[0]
    # half a pixel of some hundred, to the power of two
    shown = float(page.locator(".plane-tag").inner_text().split()[1])
    assert shown == pytest.approx(nats, rel=0.02)
    assert page.evaluate("events.length") == 0
    page.mouse.up()
    settled(page)
    (event,) = page.evaluate("events")
    assert event["kind"] == "turn"
    assert event["degrees"] == pytest.approx(math.degrees(math.atan2(0.5, 0.3)), abs=0.5)
    # the ray that comes then is looked at in the point's distance
    turned = {
        **sent,
        "setting": {**sent["setting"], "direction": {"label": "turned", "kind": "turn"}},
    }
    page.evaluate("(scene) => mounted.receive(scene)", turned)
    assert view(page, "t") == pytest.approx(half * math.hypot(0.3, 0.5), rel=0.01)
    assert view(page, "point") is None


def test_a_turn_that_was_not_asked_for_here_begins_at_its_start(mounted, sent):
    page = mounted(sent, epsilon=0.1, point=[0.1, 0.2], t=0.3)
    turned = {"label": "turned", "kind": "turn", "spec": "turn:20,1,eig:0"}
    scene = {**sent, "setting": {**sent["setting"], "direction": turned}}
    page.evaluate("(scene) => mounted.receive(scene)", scene)
    assert view(page, "t") == 0
    assert view(page, "point") is None


def test_vectors_of_one_name_are_other_rays_by_their_curvature(mounted, sent):
    pasted = {"label": "a vector", "kind": "file", "spec": None}
    first = {**sent, "setting": {**sent["setting"], "direction": pasted}}
    page = mounted(first, epsilon=0.1, t=0.3)
    other = {**first, "line": {**sent["line"], "variance": 2 * sent["line"]["variance"]}}
    page.evaluate("(scene) => mounted.receive(scene)", first)
    assert view(page, "t") == 0.3
    page.evaluate("(scene) => mounted.receive(scene)", other)
    assert view(page, "t") == 0


def test_the_cloud_is_asked_for_where_a_page_can_draw_it_and_put_away(mounted, sent):
    page = mounted(sent, epsilon=0.1)
    assert not page.get_by_test_id("picture-cloud").is_visible()
    page = mounted(sent, address="http://a/link", epsilon=0.1)
    region, cloud = page.get_by_test_id("picture-region"), page.get_by_test_id("picture-cloud")
    cloud.click()
    settled(page)
    assert cloud.get_attribute("aria-pressed") == "true"
    page.evaluate("mounted.change({ epsilon: 0.2 })")
    cloud.click()
    settled(page)
    region.click()
    settled(page)
    asked = page.evaluate("events.map(({ kind, epsilon, view }) => [kind, epsilon, view.picture])")
    assert asked == [["cloud", 0.1, "cloud"], ["cloud", 0.2, "cloud"], ["cloud", None, "region"]]


def test_a_link_that_shows_the_cloud_asks_for_it_once(mounted, sent):
    page = mounted(sent, address="http://a/link", epsilon=0.1, picture="cloud")
    page.evaluate("mounted.change({ epsilon: 0.2 })")
    settled(page)
    assert page.evaluate("events.map(({ kind, epsilon }) => [kind, epsilon])") == [["cloud", 0.1]]


def test_a_point_let_go_on_the_ray_is_taken_on_it(mounted, sent):
    page = mounted(sent, epsilon=0.1)
    page.locator(FIGURE).scroll_into_view_if_needed()
    half = float(page.get_by_test_id("point-x").get_attribute("aria-valuemax"))
    drag(page, -0.5, 0.0)
    page.mouse.up()
    settled(page)
    assert page.evaluate("events.length") == 0
    assert view(page, "t") == pytest.approx(-0.5 * half, rel=0.02)


def test_the_keyboard_moves_the_point_and_turns_the_ray(mounted, sent):
    page = mounted(sent, epsilon=0.1)
    x, y = page.get_by_test_id("point-x"), page.get_by_test_id("point-y")
    half = float(x.get_attribute("aria-valuemax"))
    x.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        settled(page)
    assert float(x.get_attribute("aria-valuenow")) == pytest.approx(0.04 * half, rel=1e-4)
    assert float(y.get_attribute("aria-valuenow")) == pytest.approx(0.02 * half, rel=1e-4)
    assert "KL" in y.get_attribute("aria-valuetext")
    page.keyboard.press("Enter")
    (event,) = page.evaluate("events")
    assert event["degrees"] == pytest.approx(math.degrees(math.atan2(1, 2)), abs=0.1)
    page.keyboard.press("Escape")
    settled(page)
    assert float(x.get_attribute("aria-valuenow")) == 0
    page.keyboard.press("End")
    settled(page)
    assert float(x.get_attribute("aria-valuenow")) == pytest.approx(half, rel=1e-4)


def test_the_second_axis_is_chosen_among_the_other_eigendirections(mounted, sent):
    page = mounted(sent)
    select = page.get_by_test_id("second")
    assert select.locator("option").all_inner_texts() == ["eigendirection 2", "eigendirection 3"]
    assert select.input_value() == "1"
    select.select_option("2")
    (event,) = page.evaluate("events")
    assert (event["kind"], event["rank"]) == ("second", 2)


def test_zoom_survives_a_change_of_epsilon_and_a_fixed_scale_does_not_follow_it(mounted, sent):
    page = mounted(sent, epsilon=0.01)
    ends = page.get_by_test_id("point-x")

    def half_at(**change):
        page.evaluate("(change) => mounted.change(change)", change)
        settled(page)
        return float(ends.get_attribute("aria-valuemax"))

    whole = half_at()
    page.get_by_role("button", name="Zoom into the region").click()
    assert half_at() == pytest.approx(whole / 1.4)
    assert half_at(epsilon=0.1) == pytest.approx(whole / 1.4)
    assert half_at(half=None, epsilon=0.01) == whole
    assert half_at(fixed=True, epsilon=0.1) == whole
    assert half_at(fixed=False) > 2 * whole


def test_keys_zoom_and_each_press_counts(mounted, sent):
    page = mounted(sent, epsilon=0.01)
    ends = page.get_by_test_id("point-x")
    whole = float(ends.get_attribute("aria-valuemax"))
    ends.focus()
    page.evaluate(
        """document.activeElement && [1, 2, 3].forEach(() => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key: "+", bubbles: true })))"""
    )
    settled(page)
    assert float(ends.get_attribute("aria-valuemax")) == pytest.approx(whole / 1.4**3)
    page.keyboard.press("0")
    settled(page)
    assert float(ends.get_attribute("aria-valuemax")) == whole


@pytest.fixture
def touched(mounted, sent):
    page = mounted(sent, 390, 844, device={"has_touch": True}, epsilon=0.1)
    page.locator(FIGURE).scroll_into_view_if_needed()
    return page


def middle(page):
    box = page.locator(f"{FIGURE} .plane-frame").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def half_in_view(page):
    settled(page)
    return float(page.get_by_test_id("point-x").get_attribute("aria-valuemax"))


@pytest.mark.parametrize("across", [True, False])
def test_two_fingers_zoom_the_plane(touched, across):
    whole, (x, y), scroll = half_in_view(touched), middle(touched), touched.evaluate("scrollY")
    way = (1, 0.2) if across else (0.2, 1)

    def fingers(apart):
        return [(x + sign * apart * way[0], y + sign * apart * way[1]) for sign in (-1, 1)]

    touch(touched, [fingers(apart) for apart in (50, 75, 100)])
    assert half_in_view(touched) == pytest.approx(whole / 2, rel=0.02)
    assert touched.evaluate("scrollY") == scroll
    assert touched.evaluate("events.length") == 0


def test_a_finger_that_has_dragged_the_point_puts_it_back_when_a_second_one_comes(touched):
    x, y = middle(touched)
    drag, pinch = [(x - 70, y), (x - 40, y)], [(x - 40, y), (x + 80, y)]
    touch(touched, [[drag[0]], [drag[1]], pinch, [pinch[0], (x + 120, y)]])
    assert touched.evaluate("events.length") == 0
    assert view(touched, "point") is None
    assert view(touched, "half") is not None


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
def test_no_name_lies_over_the_state(mounted, sent, epsilon):
    page = mounted(sent, epsilon=epsilon)
    (x, y), names = middle(page), page.locator(".plane-name").all()
    assert names
    for name in names:
        box = name.bounding_box()
        across, down = (
            max(box[axis] - at, at - box[axis] - box[size], 0)
            for axis, size, at in (("x", "width", x), ("y", "height", y))
        )
        # the radius of the point
        assert math.hypot(across, down) > 8


TURNED = "eigendirection 1, turned by 30° towards eigendirection 2"


@pytest.mark.parametrize("width", [390, 1140])
@pytest.mark.parametrize("label", ["eigendirection 1", TURNED, "the way to " + "words " * 40])
def test_a_long_name_of_an_axis_is_cut_to_fit_and_told_whole(mounted, sent, label, width):
    direction = {**sent["setting"]["direction"], "label": label}
    page = mounted({**sent, "setting": {**sent["setting"], "direction": direction}}, width=width)
    title = page.locator(".plane-title").first
    frame, text = page.locator(".plane-frame").bounding_box(), title.bounding_box()
    assert frame["x"] <= text["x"] + 1
    assert text["x"] + text["width"] <= frame["x"] + frame["width"] + 1
    assert title.locator("title").text_content() == f"{label} (units of the vector)"
    shown = title.locator("tspan").text_content()
    assert shown.endswith("(units of the vector)")
    if label == TURNED and width == 390:
        assert shown.startswith("eig. 1 + 30° to eig. 2 ")


def test_the_data_behind_the_figure_are_the_librarys(mounted, analysis, sent):
    page = mounted(sent, epsilon=0.1)
    page.get_by_role("button", name="Data: Stable region").click()
    region = stability.region(analysis.state, *analysis.spectrum.vectors[:, :2].T)
    rows = page.locator(f"{FIGURE} tbody tr").all()
    assert len(rows) == 24
    for row in rows[::5]:
        degrees, actual, *_ = row.locator("td").all_inner_texts()
        angle = math.radians(float(degrees.rstrip("°").replace("−", "-")))
        (distance,) = region.boundary(0.1, np.array([angle]))
        # three digits, and a tenth of a degree
        assert float(actual) == pytest.approx(distance, rel=6e-3)


def test_nodes_stay_the_same_while_epsilon_and_the_point_move(mounted, sent):
    page = mounted(sent, epsilon=0.01)
    page.evaluate("globalThis.before = [...document.querySelectorAll('.region *')]")
    page.evaluate("mounted.change({ epsilon: 0.0105, t: 0.01, point: [0.01, 0.02] })")
    settled(page)
    assert page.evaluate("before.every((node) => node.isConnected)")


def test_where_there_is_no_plane_its_place_is_kept_and_it_is_said_why(mounted, sent):
    page = mounted(sent)
    height = page.locator(f"{FIGURE} .plane-stage").bounding_box()["height"]
    note = "This plane has a direction without curvature: there is no closed region."
    page.evaluate("(scene) => mounted.receive(scene)", {**sent, "plane": None, "plane_note": note})
    settled(page)
    assert page.locator(f"{FIGURE} .figure-note").inner_text() == note
    assert page.locator(f"{FIGURE} .plane-stage").bounding_box()["height"] == height
    page.evaluate("(scene) => mounted.receive(scene)", {**sent, "plane": None})
    settled(page)
    assert "computed" in page.locator(f"{FIGURE} .figure-note").inner_text()


def test_where_the_network_is_run_the_sampled_points_of_the_boundary_are_shown(mounted, sent):
    assert mounted(sent).locator(".plane-samples circle").count() == 0
    below = eigen_scene(eigen_analysis(nonlinear_state()))
    page = mounted({**sent, "plane": below["plane"]}, epsilon=0.1)
    reached = page.evaluate(
        "async (plane) => (await import('/plane.js')).plane(plane).outline(0.1).filter(Boolean).length",
        below["plane"],
    )
    assert page.locator(".plane-samples circle").count() == reached > 0
    assert "found at the dots" in page.locator(".plane-lines").inner_text()


def test_hostile_names_are_text(mounted, sent):
    page = mounted(sent, epsilon=1.0)
    for text in HOSTILE:
        cells = [{**cell, "text": text} for cell in sent["plane"]["cells"]]
        scene = {**sent, "plane": {**sent["plane"], "cells": cells}}
        page.evaluate("(scene) => mounted.receive(scene)", scene)
        settled(page)
        assert set(page.locator(".plane-name text").all_text_contents()) == {text}
