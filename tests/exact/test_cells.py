"""The upper envelope of planes over a rectangle, as polygons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.states import properties

from stability.exact.cells import Cell, envelope

SQUARE = (-1.0, 1.0, -1.0, 1.0)
seeds = st.integers(0, 10**6)


def shoelace(corners):
    x, y = corners.T
    return 0.5 * (x @ np.roll(y, -1) - np.roll(x, -1) @ y)


def planes(seed, V, gain):
    draw = np.random.default_rng(seed)
    return gain * draw.standard_normal(V), draw.standard_normal((V, 2))


def inside(corners, points, depth):
    """Which points lie within a counter-clockwise polygon, at least `depth` from its edges."""
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(edges, axis=1)
    corners, edges = corners[lengths > 1e-12], edges[lengths > 1e-12]
    offsets = points[:, None] - corners
    heights = edges[:, 0] * offsets[..., 1] - edges[:, 1] * offsets[..., 0]
    return (heights > depth * np.linalg.norm(edges, axis=1)).all(axis=1)


@properties(40)
@given(seeds, st.sampled_from([1, 2, 10, 200]), st.floats(0, 2), st.floats(0.1, 50))
def test_the_cells_partition_the_rectangle(seed, V, gain, size):
    extent = (-size, 2 * size, -0.5 * size, size)
    polygons = envelope(*planes(seed, V, gain), extent)
    areas = [shoelace(corners) for corners in polygons.values()]
    assert all(area > 0 for area in areas)  # counter-clockwise, as the rectangle is
    # vertices are right to a rounding of the rectangle's size
    assert sum(areas) == pytest.approx(3 * size * 1.5 * size, rel=1e-9)


@properties(40)
@given(seeds, st.sampled_from([2, 10, 200]), st.floats(0, 2))
def test_the_token_of_a_cell_wins_within_it(seed, V, gain):
    offsets, gradients = planes(seed, V, gain)
    polygons = envelope(offsets, gradients, SQUARE)
    points = np.random.default_rng(seed).uniform(-1, 1, (300, 2))
    winners = (points @ gradients.T + offsets).argmax(axis=1)
    owners = np.full(len(points), -1)
    for token, corners in polygons.items():
        owners[inside(corners, points, depth=1e-9)] = token
    claimed = owners >= 0
    assert claimed.mean() > 0.98  # the others lie within 1e-9 of an edge
    np.testing.assert_array_equal(owners[claimed], winners[claimed])


def test_one_plane_owns_the_rectangle():
    polygons = envelope(np.zeros(1), np.ones((1, 2)), (0.0, 2.0, 1.0, 4.0))
    assert list(polygons) == [0]
    np.testing.assert_array_equal(polygons[0], [[0, 1], [2, 1], [2, 4], [0, 4]])


def test_two_planes_share_it_along_the_line_where_they_are_equal():
    polygons = envelope(np.array([0.0, -0.5]), np.array([[0.0, 0], [1, 0]]), SQUARE)
    assert {token: shoelace(corners) for token, corners in polygons.items()} == {0: 3.0, 1: 1.0}
    np.testing.assert_allclose(polygons[1][:, 0].min(), 0.5, rtol=1e-15)


def test_a_cell_that_touches_no_corner_is_found():
    """Tangent planes of a paraboloid: each wins nearest its own point of contact."""
    centres = np.array([[x, y] for x in (-0.6, 0, 0.6) for y in (-0.6, 0, 0.6)])
    polygons = envelope(-(centres**2).sum(axis=1) / 2, centres, SQUARE)
    middle = 4
    assert sorted(polygons) == list(range(9))
    # its rivals' centres are 0.6 away: a square of side 0.6
    assert shoelace(polygons[middle]) == pytest.approx(0.36, rel=1e-12)
    np.testing.assert_allclose(np.abs(polygons[middle]), 0.3, rtol=1e-12)


def test_of_equal_planes_the_lowest_id_wins():
    gradients = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    assert sorted(envelope(np.zeros(4), gradients, SQUARE)) == [0, 1]


def test_of_planes_that_differ_by_a_constant_the_higher_wins():
    assert list(envelope(np.array([0.0, 1.0, 0.5]), np.ones((3, 2)), SQUARE)) == [1]


def test_a_plane_that_wins_nowhere_in_view_has_no_cell():
    offsets, gradients = np.array([0.0, -3.0]), np.array([[0.0, 0], [1, 1]])
    assert list(envelope(offsets, gradients, SQUARE)) == [0]
    assert list(envelope(offsets, gradients, (-2.0, 2.0, -2.0, 2.0))) == [0, 1]


@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_area_and_centroid_of_a_cell(shift):
    triangle = Cell(0, "a", np.array([[0.0, 0], [3, 0], [0, 3]]) + shift)
    # products of numbers up to 1e4 cancel to 9
    assert triangle.area == pytest.approx(4.5, rel=1e-11)
    np.testing.assert_allclose(triangle.centroid, [1 + shift, 1 + shift], rtol=1e-10)
