"""The figure of a plane shows its view: divergence, boundary, ellipse, ball and cells."""

from dataclasses import replace

import numpy as np
import pytest
from support.figures import by_name, notes, title, tricky
from support.states import (
    random_direction,
    random_state,
)

from stability.exact.cells import Cell
from stability.figures.region import region_figure
from stability.figures.style import (
    ACTUAL_ON_KL,
    CERTIFIED_GREY,
    FLIP,
    PREDICTED,
)
from stability.geometry.region import region
from stability.views.region import region_view


@pytest.fixture(scope="module")
def plane():
    state = random_state(0, gain=2)
    pair = region(state, random_direction(state), random_direction(state, 1))
    view = region_view(pair, ("first", "<second>"), 0.5, 0.3)
    assert len(view.cells) > 3
    return view


@pytest.fixture(scope="module")
def plane_drawn(plane):
    return region_figure(plane)


def test_the_plane_shows_the_divergence_with_its_rows_upwards(plane, plane_drawn):
    heat = plane_drawn.data[0]
    for drawn, expected in ((heat.x, plane.axis), (heat.y, plane.axis), (heat.z, plane.kl)):
        np.testing.assert_array_equal(drawn, expected.astype(np.float32))
    assert (heat.zmin, heat.zmax) == (0, 4 * 0.5)
    assert heat.colorscale[0][1] == "#00224e"  # cividis begins here
    assert heat.colorbar.title.text == "KL (nats)"
    # nothing turns the axis over
    assert plane_drawn.layout.yaxis.autorange is None


def test_the_plane_shows_the_true_boundary_solid_and_the_ellipse_dashed(plane, plane_drawn):
    traces = by_name(plane_drawn)
    for name, points, colour, dash in (
        ("actual: KL = 0.5", plane.boundary, ACTUAL_ON_KL, None),
        ("predicted ellipse", plane.ellipse, PREDICTED, "dash"),
    ):
        trace = traces[name]
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], axis=1), points)
        assert (trace.line.color, trace.line.dash) == (colour, dash)


def test_the_plane_shows_the_certified_ball_to_scale(plane_drawn):
    ball = by_name(plane_drawn)["certified ball"]
    np.testing.assert_allclose(np.hypot(ball.x, ball.y), 0.3, rtol=1e-14)
    assert np.ptp(np.unwrap(np.arctan2(ball.y, ball.x))) == pytest.approx(2 * np.pi)
    assert (ball.fill, ball.fillcolor) == ("toself", CERTIFIED_GREY)


def test_the_plane_claims_neither_a_ball_nor_cell_edges_that_it_has_not(plane):
    drawn = region_figure(replace(plane, ball=None, cell_edges=np.empty((0, 2, 2))))
    assert {"certified ball", "most likely token changes"}.isdisjoint(by_name(drawn))


def test_the_planes_cell_edges_are_separate_lines(plane, plane_drawn):
    edges = by_name(plane_drawn)["most likely token changes"]
    assert (edges.line.color, edges.mode, edges.connectgaps) == (FLIP, "lines", None)
    x, y = (np.reshape(axis, (-1, 3)) for axis in (edges.x, edges.y))
    assert set(x[:, 2]) == set(y[:, 2]) == {None}
    drawn = np.stack([x[:, :2], y[:, :2]], axis=-1).astype(float)
    np.testing.assert_array_equal(drawn, plane.cell_edges)


def test_the_plane_names_the_cells_that_have_room(plane):
    half = float(plane.axis[-1])
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    # of an area of 4·half²: 6.25 %, and 1 %
    cells = [Cell(0, " big", 0.5 * half * square), Cell(1, " small", -0.2 * half * square)]
    named = notes(region_figure(replace(plane, cells=cells)))
    assert list(named) == ["␣big"]
    assert named["␣big"].x == named["␣big"].y == pytest.approx(0.25 * half)


def test_the_plane_has_equal_scales_and_ends_where_the_view_does(plane, plane_drawn):
    layout, half = plane_drawn.layout, plane.axis[-1]
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.range == layout.yaxis.range == (-half, half)
    ray_line = by_name(plane_drawn)["the ray"]
    assert (ray_line.x, ray_line.y) == ((-half, half), (0, 0))


def test_the_planes_axes_carry_labels_and_units(plane_drawn):
    layout = plane_drawn.layout
    assert title(layout.xaxis) == "first (units of the vector)"
    assert title(layout.yaxis) == "&lt;second&gt; (units of the vector)"


def test_a_long_label_ends_in_an_ellipsis(plane):
    drawn = region_figure(replace(plane, labels=("towards " + "word " * 50, "second")))
    assert title(drawn.layout.xaxis) == "towards word word word word wor… (units of the vector)"


@tricky
def test_the_plane_shows_tokens_as_they_are(plane, text, shown):
    corners = plane.axis[[[0, 0], [-1, 0], [-1, -1], [0, -1]]]
    assert list(notes(region_figure(replace(plane, cells=[Cell(0, text, corners)])))) == [shown]
