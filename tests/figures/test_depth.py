"""Figures of one token at every block show its numbers, also where some are missing."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support.figures import by_name, check_whole, levels, title

from stability.figures.depth import (
    alignment_figure,
    block_colours,
    block_divergences_figure,
    depth_check_figure,
    depth_radii_figure,
)
from stability.figures.style import (
    ACTUAL,
    AXIS_GREY,
    KL_CEILING,
    PREDICTED,
)
from stability.geometry.depth_check import DepthCheck

EPSILON, UNIT = 0.05, "units of the vector"


@pytest.fixture
def check():
    """Three blocks: both boundaries, one that is not reached, and no curvature at all."""
    scale = np.linspace(-3, 3, 7)
    kl = np.stack([EPSILON * scale**2, 1.1 * EPSILON * scale**2, 0 * scale])
    actual = np.array([[0.9, 1.2], [np.inf, 2.1], [np.inf, np.inf]])
    return DepthCheck(EPSILON, np.array([1.0, 2.0, np.inf]), actual, scale, kl)


def test_radii_over_the_blocks_are_predicted_dashed_and_actual_solid(check):
    traces = by_name(depth_check_figure(check, np.ones(3), UNIT))
    for name, expected, colour, dash in (
        ("predicted r", [1.0, 2.0], PREDICTED, "dash"),
        ("actual −", [0.9], ACTUAL, None),
        ("actual +", [1.2, 2.1], ACTUAL, None),
    ):
        trace = traces[name]
        y = np.asarray(trace.y, dtype=float)
        assert y[np.isfinite(y)].tolist() == expected
        assert list(trace.x) == [0, 1, 2]
        assert (trace.line.color, trace.line.dash) == (colour, dash)
    assert len({traces[name].marker.symbol for name in traces}) == 3


def test_the_closed_form_alone_is_drawn_as_beside_the_truth(check):
    length = np.array([0.5, 4.0, 1.0])
    predicted = np.where(np.isfinite(check.predicted), check.predicted, np.nan)
    alone = depth_radii_figure(predicted, length, UNIT)
    [trace] = alone.data
    beside = by_name(depth_check_figure(check, length, UNIT))["predicted r"]
    np.testing.assert_array_equal(trace.y, beside.y)
    assert (trace.x.tolist(), trace.line, trace.marker) == ([0, 1, 2], beside.line, beside.marker)
    assert title(alone.layout.yaxis) == f"radius ({UNIT})"


def test_lengths_over_the_blocks_are_counted_in_each_blocks_own_unit(check):
    length = np.array([0.5, 4.0, 1.0])
    drawn = depth_check_figure(check, length, "% of ‖vector‖")
    traces = by_name(drawn)
    assert traces["predicted r"].y[:2].tolist() == [2.0, 0.5]
    assert traces["actual +"].y[:2].tolist() == [2.4, 2.1 / 4]
    assert title(drawn.layout.yaxis) == "radius (% of ‖vector‖)"
    assert title(drawn.layout.xaxis) == "block (0 is the first)"
    assert drawn.layout.yaxis.type == "log"


def test_boundaries_that_are_not_reached_are_gaps(check):
    traces = by_name(depth_check_figure(check, np.ones(3), UNIT))
    assert np.isnan(traces["actual −"].y).tolist() == [False, True, True]
    assert np.isnan(traces["actual +"].y).tolist() == [False, False, True]
    reached = replace(check, predicted=np.ones(3), actual=np.ones((3, 2)))
    check_whole(depth_check_figure(reached, np.ones(3), UNIT))


def test_curves_are_the_divergences_of_the_blocks_that_have_curvature(check):
    drawn = block_divergences_figure(check)
    traces = by_name(drawn)
    assert set(traces) == {"block 0", "block 1", "closed form ε (t/r)²"}
    for block in (0, 1):
        np.testing.assert_array_equal(traces[f"block {block}"].x, check.scale)
        np.testing.assert_array_equal(traces[f"block {block}"].y, check.kl[block])
    parabola = traces["closed form ε (t/r)²"]
    np.testing.assert_allclose(parabola.y, EPSILON * check.scale**2, rtol=1e-15)
    assert (parabola.line.color, parabola.line.dash) == (PREDICTED, "dash")
    assert traces["block 0"].line.color != traces["block 1"].line.color
    check_whole(drawn)


def test_the_curves_axes_say_what_they_measure_and_a_line_is_at_epsilon(check):
    drawn = block_divergences_figure(check)
    assert title(drawn.layout.yaxis) == "KL (nats)"
    assert title(drawn.layout.xaxis) == "t / predicted r of the block"
    assert drawn.layout.yaxis.range == (0, KL_CEILING * EPSILON)
    assert levels(drawn) == [(EPSILON, AXIS_GREY, "dot")]
    [bar] = [t.marker for t in drawn.data if t.mode == "markers"]
    assert (bar.cmin, bar.cmax, bar.colorbar.title.text) == (0, 2, "block")


def test_curves_of_one_block_and_of_none_that_curves_are_drawn(check):
    for block in (0, 2):
        block_alone = slice(block, block + 1)
        alone = DepthCheck(
            EPSILON,
            check.predicted[block_alone],
            check.actual[block_alone],
            check.scale,
            check.kl[block_alone],
        )
        drawn = block_divergences_figure(alone)
        assert ("block 0" in by_name(drawn)) == (block == 0)
        check_whole(drawn)


@pytest.mark.parametrize(("on_dark", "page"), [(False, "#ffffff"), (True, "#0e1117")])
def test_every_blocks_curve_can_be_seen_on_the_page(check, on_dark, page):
    for colour in block_colours(on_dark):
        lighter, darker = sorted(map(luminance, (colour, page)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) > 1.5
    drawn = by_name(block_divergences_figure(check, on_dark))
    assert drawn["block 0"].line.color == block_colours(on_dark)[0]


def luminance(colour):
    """The relative luminance of an sRGB colour, by its definition."""
    if colour.startswith("#"):
        parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    else:
        parts = [float(part) for part in re.findall(r"[\d.]+", colour)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in parts)
    ]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_the_alignment_is_shown_from_the_least_to_one_on_a_square():
    values = np.array([[1.0, 0.25], [0.25, 1.0]])
    drawn = alignment_figure(values)
    [heat] = drawn.data
    np.testing.assert_array_equal(heat.z, values)
    assert (heat.zmin, heat.zmax) == (0.25, 1)
    assert alignment_figure(np.ones((2, 2))).data[0].zmin < 1
    assert heat.colorbar.title.text == "alignment |cos|"
    assert title(drawn.layout.xaxis) == title(drawn.layout.yaxis) == "block"
    assert drawn.layout.yaxis.scaleanchor == "x"
    assert drawn.layout.yaxis.autorange is None  # block 0 is below, as it is at the left
    check_whole(drawn)
