"""All tokens: the map holds the library's radii."""

import json

import numpy as np
import pytest
from support.app import DEPTH, array, explored, labels, open_section, opened, pictures, press
from support.models import PROMPT

import stability
from stability.geometry.depth import depth, depth_map
from stability.ui.pages.depth.all_tokens import QUICK
from stability.ui.pages.depth.link import SECTIONS

LONG = "the cat sat on the mat, a dog ran after the cat"


def map_shown(page):
    return 10 ** array(pictures(page)["depth_map"]["data"][0]["z"])


@pytest.mark.slow
def test_the_page_opens_with_the_map_of_the_default_prompt(smollm2):
    page = opened(DEPTH)
    assert not page.exception
    assert not page.error
    prompt = page.session_state["prompt"]
    assert prompt == "The capital of France is"
    shown = map_shown(page)
    assert shown.shape == (len(smollm2.tokenize(prompt)), smollm2.card.n_layers)
    expected = depth(smollm2.capture(prompt, site="block:0")).radii(0.01)
    # the picture is sent in float32, and so the network runs
    assert shown[-1].tolist() == pytest.approx(expected, rel=1e-3)


def test_the_map_has_the_librarys_radius_of_every_token_at_every_block(page, lm):
    depths = depth_map(lm.capture_all(PROMPT, "block:0"))
    expected = np.array([each.radii(0.01) for each in depths])
    assert expected.shape == (len(lm.tokenize(PROMPT)), lm.card.n_layers)
    np.testing.assert_allclose(map_shown(page), expected, rtol=1e-4)  # sent in float32
    page.select_slider(key="epsilon").set_value(0.1).run()
    np.testing.assert_allclose(map_shown(page), expected * 10**0.5, rtol=1e-4)
    page.toggle(key="relative").set_value(True).run()
    norms = np.stack([each.norms for each in depths])
    np.testing.assert_allclose(map_shown(page), 1000**0.5 * 10 * expected / norms, rtol=1e-4)
    assert "% of ‖vector‖" in json.dumps(pictures(page), ensure_ascii=False)


def test_the_map_marks_the_token_that_is_looked_at(page):
    last = len(map_shown(page)) - 1

    def marked():
        [frame] = pictures(page)["depth_map"]["layout"]["shapes"]
        return (frame["y0"] + frame["y1"]) / 2

    assert marked() == last
    page.session_state["position"] = 1
    page.run()
    assert marked() == 1


def test_a_long_prompt_waits_for_its_button(folder, lm):
    page = opened(DEPTH, model=folder, prompt=LONG)
    n = len(lm.tokenize(LONG))
    assert n > QUICK
    assert not pictures(page)
    assert labels(page) == [f"Measure {n} tokens at every block (about a second each)"]
    press(page, "Measure")
    assert map_shown(page).shape == (n, lm.card.n_layers)
    assert labels(page) == []
    open_section(page, SECTIONS[1])
    open_section(page, SECTIONS[0])  # what is measured is there at once
    assert map_shown(page).shape == (n, lm.card.n_layers)


def test_a_cell_opens_explore_at_its_token_and_block(page, lm):
    """Streamlit's tests cannot click a picture: this is what the click leaves."""
    page.session_state["opened"] = True
    page.session_state["position"] = 1
    page.session_state["site"], page.session_state["block"] = "a block", 1
    page.run()
    assert not page.exception
    assert page.title[0].value.startswith("Stable regions")
    page.switch_page("app.py")  # a test's next run is of the page that it has switched to itself
    scene = explored(page)
    assert (scene["setting"]["position"], scene["setting"]["site"]) == (1, "block:1")
    state = lm.capture(PROMPT, 1, "block:1")
    ray = stability.ray(state, stability.spectrum(state).vectors[:, 0])
    # the radius at any ε is made of it in the browser
    assert scene["line"]["variance"] == pytest.approx(ray.curvature, rel=1e-4)
