"""One token: the closed form against the truth at every block."""

import numpy as np
import pytest
from support.app import array, headline, labels, open_section, pictures, press
from support.models import PROMPT

from stability.geometry.depth import depth
from stability.geometry.depth_check import depth_check
from stability.ui import wording
from stability.ui.pages.depth.link import SECTIONS

pytestmark = pytest.mark.slow
# what takes no button
AT_ONCE = {"depth_radii", "alignment"}


@pytest.fixture
def measured(page):
    open_section(page, SECTIONS[1])
    assert set(pictures(page)) == AT_ONCE
    press(page, "Measure this token")
    return page


def library(lm, position, epsilon):
    states = lm.capture_depth(PROMPT, position)
    token_depth = depth(states[0])
    return token_depth, depth_check(token_depth, states, epsilon)


def test_one_token_shows_the_closed_form_against_the_truth_at_every_block(measured, lm):
    assert set(pictures(measured)) == {"depth_check", "curves", "alignment"}
    _, expected = library(lm, -1, 0.01)
    [table] = [frame.value for frame in measured.dataframe]
    assert table["block"].tolist() == list(range(lm.card.n_layers))
    assert table["predicted"].tolist() == [wording.number(r) for r in expected.predicted]
    for column, side in (("actual −", 0), ("actual +", 1)):
        ends = [
            wording.number(t) if np.isfinite(t) else "not reached" for t in expected.actual.T[side]
        ]
        assert table[column].tolist() == ends
    reached = np.isfinite(expected.actual)
    errors = np.abs(expected.predicted[:, None] / expected.actual - 1)[reached]
    near, median = int((errors <= 0.1).sum()), wording.percent(float(np.median(errors)))
    assert f"In {near} of {2 * lm.card.n_layers} cases" in headline(measured)
    assert f"median error is {median}" in headline(measured)


def test_the_pictures_of_one_token_hold_the_librarys_numbers(measured, lm):
    token_depth, expected = library(lm, -1, 0.01)
    alignment = array(pictures(measured)["alignment"]["data"][0]["z"])
    np.testing.assert_allclose(alignment, token_depth.alignment, atol=1e-6)
    traces = {trace["name"]: trace for trace in pictures(measured)["depth_check"]["data"]}
    np.testing.assert_allclose(array(traces["predicted r"]["y"]), expected.predicted, rtol=1e-6)
    measured.toggle(key="relative").set_value(True).run()
    traces = {trace["name"]: trace for trace in pictures(measured)["depth_check"]["data"]}
    np.testing.assert_allclose(
        array(traces["predicted r"]["y"]),
        100 * expected.predicted / token_depth.norms.numpy(),
        rtol=1e-6,
    )


def test_the_closed_form_is_drawn_at_once_and_what_the_button_brings_is_said(page, lm):
    open_section(page, SECTIONS[1])
    expected, _ = library(lm, -1, 0.01)
    [trace] = pictures(page)["depth_radii"]["data"]
    np.testing.assert_allclose(array(trace["y"]), expected.radii(0.01), rtol=1e-6)
    assert any("adds the true boundary of every block" in said.value for said in page.caption)


def test_another_token_or_epsilon_is_asked_for_anew(measured, lm):
    measured.selectbox(key="depth_position").set_value(2).run()
    assert set(pictures(measured)) == AT_ONCE
    press(measured, "Measure this token")
    _, expected = library(lm, 2, 0.01)
    [table] = [frame.value for frame in measured.dataframe]
    assert table["predicted"].tolist() == [wording.number(r) for r in expected.predicted]
    measured.select_slider(key="epsilon").set_value(0.1).run()
    assert set(pictures(measured)) == AT_ONCE
    assert labels(measured)[-1].startswith("Measure this token")
