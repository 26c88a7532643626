"""What stands in the figures of the Depth page: its numbers, also where some are missing."""

import json
from base64 import b64decode
from dataclasses import replace

import numpy as np
import plotly.io
import pytest
import torch
from support.states import make_state, random_state

from stability.figures.depth import (
    CEILING,
    across_figure,
    alignment_figure,
    curves_figure,
    depth_map_figure,
)
from stability.figures.path import path_figure, slice_figure
from stability.figures.style import ACTUAL, FLIP, PREDICTED, QUIET, TEMPLATE, visible
from stability.geometry.depth import DepthCheck
from stability.geometry.interpolation import interpolation
from stability.geometry.region import region
from stability.views.region import region_view

EPSILON, UNIT = 0.05, "units of the vector"
TOKENS = [" the", "<b>", "\n"]


def by_name(figure):
    """The traces that have a name, none of which is there twice."""
    named = [trace for trace in figure.data if trace.name]
    traces = {trace.name: trace for trace in named}
    assert len(traces) == len(named)
    return traces


def title(axis):
    return axis.title.text


def upright(figure):
    """The straight lines across a figure, as (where, colour, dash)."""
    shapes = [s for s in figure.layout.shapes if s.type == "line" and s.x0 == s.x1]
    return [(s.x0, s.line.color, s.line.dash) for s in shapes]


def level(figure):
    """The lines along a figure, as (height, colour, dash)."""
    shapes = [s for s in figure.layout.shapes if s.type == "line" and s.y0 == s.y1]
    return [(s.y0, s.line.color, s.line.dash) for s in shapes]


def check_sent(figure, missing=False):
    """In the common style and valid for Plotly; no number of the layout is none, and no colour or
    length is infinite, in which Plotly would draw no axis.
    """

    def check_array(part):
        if "bdata" in part:
            values = np.frombuffer(b64decode(part["bdata"]), part["dtype"])
            assert not np.isinf(values).any()
            assert missing or not np.isnan(values).any()
        return part

    assert figure.layout.template == TEMPLATE
    assert figure.data
    text = figure.to_json()
    sent = json.loads(text, object_hook=check_array)
    assert json.loads(plotly.io.from_json(text).to_json()) == sent
    assert "null" not in json.dumps(sent["layout"])
    assert "NaN" not in json.dumps(sent["layout"])


# --- the map --------------------------------------------------------------------------------------


@pytest.fixture
def radii():
    return np.array([[0.1, 1.0, 10.0, 100.0], [0.2, 2.0, 20.0, 50.0], [0.5, 5.0, 30.0, 40.0]])


def test_the_map_shows_the_logarithm_of_every_radius_by_token_and_block(radii):
    drawn = depth_map_figure(radii, TOKENS, UNIT, 1)
    heat = next(trace for trace in drawn.data if trace.type == "heatmap")
    np.testing.assert_array_equal(heat.z, np.log10(radii).astype(np.float32))
    assert heat.colorscale[0][1] == "#00224e"  # cividis begins here
    check_sent(drawn)


def test_the_maps_colour_bar_tells_radii_and_their_unit(radii):
    bar = depth_map_figure(radii, TOKENS, UNIT, 1).data[0].colorbar
    assert bar.title.text == f"shortest predicted radius ({UNIT})"
    texts = [float(text) for text in bar.ticktext]
    assert texts == pytest.approx([10**tick for tick in bar.tickvals], rel=0.05)  # two digits
    ends = np.quantile(radii, [0.03, 0.97], method="linear")
    heat = depth_map_figure(radii, TOKENS, UNIT, 1).data[0]
    assert (bar.tickvals[0], bar.tickvals[-1]) == (heat.zmin, heat.zmax)
    assert radii.min() < texts[0] < texts[-1] < radii.max()
    np.testing.assert_allclose(
        texts[0], ends[0], rtol=0.5
    )  # quantiles of logarithms are near those


def test_every_cell_of_the_map_can_be_clicked_and_tells_its_token_and_radius(radii):
    marks = next(t for t in depth_map_figure(radii, TOKENS, UNIT, 1).data if t.type == "scatter")
    places = list(zip(marks.y, marks.x, strict=True))
    assert sorted(places) == [(row, block) for row in range(3) for block in range(4)]
    for (row, block), (token, radius) in zip(places, marks.customdata, strict=True):
        assert token == visible(TOKENS[row])
        assert float(radius) == radii[row, block]
    assert marks.hoverinfo != "skip"


def test_the_map_frames_the_chosen_token_and_has_the_first_on_top(radii):
    drawn = depth_map_figure(radii, TOKENS, UNIT, 1)
    [frame] = drawn.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (-0.5, 3.5, 0.5, 1.5)
    assert drawn.layout.yaxis.range == (2.5, -0.5)
    assert drawn.layout.xaxis.range == (-0.5, 3.5)
    assert drawn.layout.yaxis.tickvals == (0, 1, 2)
    assert drawn.layout.yaxis.ticktext == ("␣the", "&lt;b&gt;", "⏎")
    assert title(drawn.layout.xaxis) == "block (0 is the first)"


def test_a_radius_that_is_none_leaves_a_gap_in_the_map(radii):
    radii[1, 2] = np.nan
    drawn = depth_map_figure(radii, TOKENS, UNIT, 0)
    heat = drawn.data[0]
    assert np.isnan(heat.z[1, 2])
    assert np.isnan(heat.z).sum() == 1
    assert np.isfinite(heat.colorbar.tickvals).all()
    check_sent(drawn, missing=True)


def test_a_map_of_one_radius_is_drawn():
    drawn = depth_map_figure(np.array([[2.0]]), ["x"], UNIT, 0)
    assert drawn.data[0].z.shape == (1, 1)
    assert set(drawn.data[0].colorbar.ticktext) == {"2"}
    check_sent(drawn)


# --- one token at every block ---------------------------------------------------------------------


@pytest.fixture
def across():
    """Three blocks: both boundaries, one that is not reached, and no curvature at all."""
    scale = np.linspace(-3, 3, 7)
    kl = np.stack([EPSILON * scale**2, 1.1 * EPSILON * scale**2, 0 * scale])
    actual = np.array([[0.9, 1.2], [np.inf, 2.1], [np.inf, np.inf]])
    return DepthCheck(EPSILON, np.array([1.0, 2.0, np.inf]), actual, scale, kl)


def test_radii_over_the_blocks_are_predicted_dashed_and_actual_solid(across):
    traces = by_name(across_figure(across, np.ones(3), UNIT))
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


def test_lengths_over_the_blocks_are_counted_in_each_blocks_own_unit(across):
    length = np.array([0.5, 4.0, 1.0])
    drawn = across_figure(across, length, "% of ‖vector‖")
    traces = by_name(drawn)
    assert traces["predicted r"].y[:2].tolist() == [2.0, 0.5]
    assert traces["actual +"].y[:2].tolist() == [2.4, 2.1 / 4]
    assert title(drawn.layout.yaxis) == "radius (% of ‖vector‖)"
    assert title(drawn.layout.xaxis) == "block (0 is the first)"
    assert drawn.layout.yaxis.type == "log"


def test_boundaries_that_are_not_reached_are_gaps(across):
    traces = by_name(across_figure(across, np.ones(3), UNIT))
    assert np.isnan(traces["actual −"].y).tolist() == [False, True, True]
    assert np.isnan(traces["actual +"].y).tolist() == [False, False, True]
    reached = replace(across, predicted=np.ones(3), actual=np.ones((3, 2)))
    check_sent(across_figure(reached, np.ones(3), UNIT))


def test_curves_are_the_divergences_of_the_blocks_that_have_curvature(across):
    drawn = curves_figure(across)
    traces = by_name(drawn)
    assert set(traces) == {"block 0", "block 1", "closed form ε (t/r)²"}
    for block in (0, 1):
        np.testing.assert_array_equal(traces[f"block {block}"].x, across.scale)
        np.testing.assert_array_equal(traces[f"block {block}"].y, across.kl[block])
    parabola = traces["closed form ε (t/r)²"]
    np.testing.assert_allclose(parabola.y, EPSILON * across.scale**2, rtol=1e-15)
    assert (parabola.line.color, parabola.line.dash) == (PREDICTED, "dash")
    assert traces["block 0"].line.color != traces["block 1"].line.color
    check_sent(drawn)


def test_the_curves_axes_say_what_they_measure_and_a_line_is_at_epsilon(across):
    drawn = curves_figure(across)
    assert title(drawn.layout.yaxis) == "KL (nats)"
    assert title(drawn.layout.xaxis) == "t / predicted r of the block"
    assert drawn.layout.yaxis.range == (0, CEILING * EPSILON)
    assert level(drawn) == [(EPSILON, QUIET, "dot")]
    [bar] = [t.marker for t in drawn.data if t.mode == "markers"]
    assert (bar.cmin, bar.cmax, bar.colorbar.title.text) == (0, 2, "block")


def test_curves_of_one_block_and_of_none_that_curves_are_drawn(across):
    for block in (0, 2):
        one = slice(block, block + 1)
        alone = DepthCheck(
            EPSILON, across.predicted[one], across.actual[one], across.scale, across.kl[one]
        )
        drawn = curves_figure(alone)
        assert ("block 0" in by_name(drawn)) == (block == 0)
        check_sent(drawn)


def test_the_alignment_is_shown_from_zero_to_one_on_a_square():
    values = np.array([[1.0, 0.25], [0.25, 1.0]])
    drawn = alignment_figure(values)
    [heat] = drawn.data
    np.testing.assert_array_equal(heat.z, values)
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert heat.colorbar.title.text == "alignment |cos|"
    assert title(drawn.layout.xaxis) == title(drawn.layout.yaxis) == "block"
    assert drawn.layout.yaxis.scaleanchor == "x"
    assert drawn.layout.yaxis.autorange is None  # block 0 is below, as it is at the left
    check_sent(drawn)


# --- the way between two states -------------------------------------------------------------------


def smooth(v):
    return (3 * v).tanh()


@pytest.fixture(scope="module")
def way():
    """Between two states below a layer that saturates: three tokens take over from one another."""
    rows = torch.tensor([[-3.0, 0.0], [0.0, 1.0], [3.0, 0.0]], dtype=torch.float64)
    a, b = (torch.tensor([x, 1.0], dtype=torch.float64) for x in (-1.0, 1.0))
    start = make_state(rows, a, above=smooth)
    return interpolation(start, replace(start, vector=b))


@pytest.fixture(scope="module")
def names(way):
    found = [f" <{i}>" for i in way.argmax]
    assert len(set(found)) == 3
    return found


def test_the_way_shows_divergence_and_movement_in_two_panels(way, names):
    drawn = path_figure(way, EPSILON, names)
    traces = by_name(drawn)
    kl, moved = traces["KL from A"], traces["output moved"]
    for trace, y, axis in ((kl, way.kl, "y"), (moved, way.movement, "y2")):
        np.testing.assert_array_equal(trace.x, way.alpha)
        np.testing.assert_array_equal(trace.y, y)
        assert (trace.yaxis or "y") == axis
        assert trace.line.color == ACTUAL
    assert list(moved.customdata) == [visible(name) for name in names]
    layout = drawn.layout
    assert (title(layout.yaxis), title(layout.yaxis2)) == ("KL (nats)", "output moved (of its way)")
    assert title(layout.xaxis2) == "α: from A (0) to B (1)"
    assert layout.template == TEMPLATE


def test_the_way_has_a_line_at_every_edge_and_at_epsilon(way, names):
    drawn = path_figure(way, EPSILON, names)
    predicted, actual = way.predicted(EPSILON), way.actual(EPSILON)
    assert None not in (*predicted, *actual)
    shown = {(x, colour, dash) for x, colour, dash in upright(drawn)}
    inside = {(x, PREDICTED, "dash") for x in predicted if 0 <= x <= 1}
    assert shown == inside | {(x, ACTUAL, "solid") for x in actual}
    assert level(drawn) == [(EPSILON, QUIET, "dot")]
    traces = by_name(drawn)
    assert traces["predicted boundary"].line.color == PREDICTED
    assert traces["actual boundary"].line.color == ACTUAL


def test_the_way_marks_who_takes_over_and_where(way, names):
    marks = by_name(path_figure(way, EPSILON, names))["most likely token changes"]
    changes = np.flatnonzero(np.diff(way.argmax)) + 1
    np.testing.assert_array_equal(marks.x, way.alpha[changes])
    assert list(marks.customdata) == [visible(names[i]) for i in changes]
    assert marks.marker.color == FLIP
    assert marks.yaxis == "y2"


def test_edges_that_are_not_on_the_way_are_left_out(way, names):
    assert way.actual(30.0) == (None, None)
    drawn = path_figure(way, 30.0, names)
    assert not [line for line in upright(drawn) if line[1] == ACTUAL]
    for x, _, _ in upright(drawn):
        assert 0 <= x <= 1


def test_a_way_on_which_nothing_changes_is_drawn():
    rows = torch.eye(2, dtype=torch.float64)
    states = [make_state(rows, torch.tensor([x, 0.0]).double()) for x in (1e4, 2e4)]
    flat = interpolation(*states)
    drawn = path_figure(flat, EPSILON, ["x"] * len(flat.alpha))
    assert upright(drawn) == []
    assert len(by_name(drawn)["most likely token changes"].x) == 0
    assert not np.any(by_name(drawn)["KL from A"].y)


# --- the plane of three ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plane():
    state = random_state(0, gain=2)
    ways = [torch.from_numpy(np.random.default_rng(i).standard_normal(6)) for i in range(2)]
    return region_view(region(state, *ways), ("towards B", "towards C"), EPSILON, None, 2.0)


POINTS = [("A", 0.0, 0.0), ("B", 1.5, 0.0), ("C", -0.5, 1.25)]


def test_the_plane_names_its_three_states_where_they_lie(plane):
    drawn = slice_figure(plane, POINTS)
    [marks] = [trace for trace in drawn.data if getattr(trace, "mode", "") == "markers+text"]
    assert list(marks.text) == ["A", "B", "C"]
    assert list(zip(marks.x, marks.y, strict=True)) == [(x, y) for _, x, y in POINTS]


def test_the_plane_of_three_keeps_the_region_its_units_and_its_view(plane):
    drawn = slice_figure(plane, POINTS)
    traces, layout = by_name(drawn), drawn.layout
    np.testing.assert_array_equal(
        np.stack([traces["predicted ellipse"].x, traces["predicted ellipse"].y], axis=1),
        plane.ellipse,
    )
    assert title(layout.xaxis) == "towards B (units of the vector)"
    assert title(layout.yaxis) == "towards C (units of the vector)"
    assert layout.xaxis.range == layout.yaxis.range == (-2.0, 2.0)


def test_an_edge_that_is_not_reached_is_a_gap_in_the_plane(plane):
    boundary = plane.boundary.copy()
    boundary[3:6] = np.nan
    drawn = slice_figure(replace(plane, boundary=boundary), POINTS)
    edge = by_name(drawn)[f"actual: KL = {EPSILON:.3g}"]
    assert np.isnan(edge.x).sum() == np.isnan(edge.y).sum() == 3
    assert edge.connectgaps is None
