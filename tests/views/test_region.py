"""How much of a plane is drawn, and that it is the library's numbers."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from support.states import (
    far_kl,
    nearly_one_hot,
    perturbed_logits,
    properties,
    random_direction,
    random_state,
    with_logits,
)
from support.views import (
    STATES,
    counted_alike,
    gains,
    in_coordinates_of,
    log_epsilons,
    seeds,
    token,
)

from stability.curvature import fisher
from stability.geometry.region import region
from stability.units import Unit
from stability.views.region import ANGLES, GRID, half_to_show, region_view

# what lies beyond the merged distribution is slow: no more of that than it takes
CASES = [
    ("open", 1e-4),
    ("open", 3.0),
    ("uniform", 0.01),
    ("nearly certain", 0.01),
    ("near tie", 0.01),
    ("tie", 3.0),
]


def plane_of(state, seed=0):
    return region(state, random_direction(state, seed), random_direction(state, seed + 1))


def perturbed_vectors(plane, points):
    """Perturbations at plane coordinates, one for each row."""
    return np.asarray(points) @ plane.axes.numpy().T


@pytest.fixture(scope="module", params=CASES, ids=str)
def drawn_plane(request):
    name, epsilon = request.param
    plane = plane_of(STATES[name])
    return plane, region_view(plane, ("first", "second"), epsilon, 0.25)


@pytest.fixture
def plane(drawn_plane):
    return drawn_plane[0]


@pytest.fixture
def view(drawn_plane):
    return drawn_plane[1]


def test_a_plane_keeps_what_it_was_made_with(view):
    assert view.labels == ("first", "second")
    assert view.ball == 0.25


def test_the_view_is_square_and_centred_on_the_state(view):
    assert len(view.axis) == GRID
    np.testing.assert_allclose(view.axis, -view.axis[::-1], atol=1e-15 * view.axis[-1])
    assert (np.diff(view.axis) > 0).all()


def test_the_grid_is_the_true_divergence_with_rows_along_the_second_axis(plane, view):
    row, column = np.random.default_rng(0).integers(0, GRID, (2, 60))
    points = np.stack([view.axis[column], view.axis[row]], axis=1)
    expected = far_kl(plane.state, perturbed_vectors(plane, points)).numpy()
    # the grid has no digits below 1e-10 nats; the oracle rounds logits up to 1e3
    np.testing.assert_allclose(view.kl[row, column], expected, rtol=1e-9, atol=1e-12)


def test_the_boundary_goes_once_around_where_the_divergence_is_epsilon(plane, view):
    assert view.boundary.shape == (ANGLES + 1, 2)
    np.testing.assert_allclose(
        far_kl(plane.state, perturbed_vectors(plane, view.boundary)).numpy(),
        view.epsilon,
        rtol=1.1e-5,
        atol=1e-12,
    )
    angles = np.unwrap(np.arctan2(view.boundary[:, 1], view.boundary[:, 0]))
    np.testing.assert_allclose(np.diff(angles), 2 * np.pi / ANGLES, rtol=1e-9)
    scale = np.abs(view.boundary).max()
    np.testing.assert_allclose(view.boundary[0], view.boundary[-1], atol=1e-12 * scale)


def test_the_ellipse_is_where_the_quadratic_is_epsilon(plane, view):
    H = plane.axes.T @ fisher.dense(plane.state) @ plane.axes
    twice = np.einsum("ni,ij,nj->n", view.ellipse, H.numpy(), view.ellipse)
    # of a long ellipse the small curvature is a difference: 1e-16 of the large one
    np.testing.assert_allclose(twice, 2 * view.epsilon, rtol=1e-9)
    scale = np.abs(view.ellipse).max()
    np.testing.assert_allclose(view.ellipse[0], view.ellipse[-1], atol=1e-12 * scale)


def test_the_view_holds_the_region_and_its_ellipse_or_the_middle_of_a_long_one(view):
    half = view.axis[-1]
    furthest = max(np.abs(view.boundary).max(), np.linalg.norm(view.ellipse, axis=1).max())
    nearest = min(np.linalg.norm(curve, axis=1).min() for curve in (view.boundary, view.ellipse))
    # the ellipse is sampled: its ends are met to a quarter of its angle squared
    assert half == pytest.approx(1.3 * min(furthest, 8 * nearest), rel=1e-3)


def test_a_long_region_is_cut():
    """Token 2 hardly moves along y: there the region is a thousand times as long."""
    state = with_logits(np.array([[1.0, 0], [-1, 0], [0, 1e-3]]), np.zeros(3))
    view = region_view(region(state, np.eye(2)[0], np.eye(2)[1]), ("", ""), 0.01, None)
    nearest = np.linalg.norm(view.boundary, axis=1).min()
    assert np.abs(view.boundary).max() > 500 * nearest
    assert 8 < view.axis[-1] / nearest < 12
    # what is left in view is still drawn where it is: two nearly parallel lines
    inside = view.boundary[(np.abs(view.boundary) < view.axis[-1]).all(axis=1)]
    assert len(inside) > ANGLES / 2
    np.testing.assert_allclose(np.abs(inside[:, 0]), nearest, rtol=0.05)


# --- cells ----------------------------------------------------------------------------------------


def check_cells(plane, view):
    half = view.axis[-1]
    assert sum(cell.area for cell in view.cells) == pytest.approx(4 * half**2, rel=1e-8)
    for cell in view.cells:
        assert token(cell.text) == cell.id
        if cell.area > 1e-9 * half**2:
            inside = cell.centroid + 0.99 * (cell.corners - cell.centroid)
            winners = perturbed_logits(plane.state, perturbed_vectors(plane, inside)).argmax(dim=1)
            assert (winners == cell.id).all()


def test_cells_fill_the_view_and_belong_to_the_true_argmax(plane, view):
    check_cells(plane, view)


@properties(6)
@given(seeds, gains, log_epsilons)
def test_cells_of_random_states_belong_to_the_true_argmax(seed, gain, log_epsilon):
    plane = plane_of(random_state(seed, V=20, gain=gain), seed)
    check_cells(plane, region_view(plane, ("", ""), 10**log_epsilon, None))


def test_on_an_edge_between_cells_two_tokens_are_equally_likely(plane, view):
    logits = np.sort(
        perturbed_logits(
            plane.state, perturbed_vectors(plane, view.cell_edges.mean(axis=1))
        ).numpy()
    )
    # cells are clipped to 1e-9 of the logits in view
    np.testing.assert_allclose(logits[:, -1], logits[:, -2], rtol=2e-9, atol=2e-9)


def test_the_edges_between_cells_and_the_frame_are_all_the_edges_of_the_cells(view):
    def length(ends):
        return np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).sum()

    around = sum(
        length(np.stack([cell.corners, np.roll(cell.corners, -1, axis=0)], axis=1))
        for cell in view.cells
    )
    half = view.axis[-1]
    assert length(view.cell_edges) == pytest.approx(around - 8 * half, abs=1e-8 * half)
    assert (len(view.cell_edges) == 0) == (len(view.cells) == 1)


def test_a_view_within_one_cell_has_no_edges_between_cells():
    view = region_view(plane_of(nearly_one_hot(gap=8.0)), ("", ""), 1e-4, None)
    assert [cell.text for cell in view.cells] == ["<0>"]
    assert view.cell_edges.shape == (0, 2, 2)


# --- nothing to see -------------------------------------------------------------------------------


def test_a_plane_with_a_flat_axis_has_no_view():
    flat = region(STATES["binary"], np.array([1.0, 0]), np.array([0.0, 1]))
    assert region_view(flat, ("", ""), 0.1, None) is None


@pytest.mark.parametrize("seed", [16, 38, 50, 59])  # rounding finds an ellipse in these
def test_a_flat_direction_that_rounding_hides_draws_nothing_infinite(seed):
    """Two tokens: the plane is flat at a right angle to their difference, drawn or not."""
    state = with_logits(np.random.default_rng(seed).standard_normal((2, 2)), [0.5, 0.0])
    steep = np.arctan2(*(state.readout.W_U[1] - state.readout.W_U[0]).flip(0).tolist())
    turn = steep + np.pi / 2 - 2 * np.pi * seed / ANGLES
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    view = region_view(region(state, *axes), ("", ""), 0.1, None)
    if view is not None:
        arrays = {field.name: getattr(view, field.name) for field in fields(view)}
        boundary = arrays.pop("boundary")
        assert np.isnan(boundary).any()  # a gap
        assert not np.isinf(boundary).any()
        assert all(np.isfinite(a).all() for a in arrays.values() if isinstance(a, np.ndarray))


# --- units ----------------------------------------------------------------------------------------


def test_a_view_in_another_unit_is_the_view_of_a_state_with_such_coordinates():
    """Vectors shorter by a factor and rows longer by it: the same logits, all lengths shorter."""
    unit = Unit("fourths", 0.25)
    view, expected = (
        region_view(plane_of(state), ("a", "b"), 0.1, ball)
        for state, ball in zip(in_coordinates_of(unit), (1.0, 4.0), strict=True)
    )
    counted_alike(view.measured_in(unit), expected)
    assert view.measured_in(unit).unit == unit


def test_a_view_that_shows_points_is_square_around_the_state():
    half = half_to_show([(0.0, 0.0), (0.5, -2.0), (1.0, 0.1)])
    assert 2.0 < half < 3.0
    assert half_to_show([(0.0, 0.0), (-10.0, 4.0), (5.0, 0.5)]) == pytest.approx(5 * half)
