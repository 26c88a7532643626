"""The stable region in the plane of two directions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from support.states import (
    far_kl,
    make_state,
    nearly_one_hot,
    nonlinear_state,
    perturbed_logits,
    properties,
    random_direction,
    random_state,
    true_kl,
    uniform_state,
    with_logits,
)

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.geometry.ellipse import Ellipse
from stability.geometry.ray import ray
from stability.geometry.region import region, region_through

seeds = st.integers(0, 10**6)
CIRCLE = np.linspace(0, 2 * np.pi, 24, endpoint=False)


def plane_of(state, seed=0):
    return region(state, random_direction(state, seed), random_direction(state, seed + 1))


def points_of(plane, x, y):
    """Perturbations at plane coordinates."""
    return np.stack([x, y], axis=-1) @ plane.axes.numpy().T


def around(angles, distances):
    return distances * np.cos(angles), distances * np.sin(angles)


@pytest.fixture
def state():
    return random_state(0, bias=True, scale=0.7, gain=2)


@pytest.fixture
def plane(state):
    return plane_of(state)


@pytest.fixture
def binary_plane():
    """Two tokens: only `x` matters, and half of both has `KL = log cosh x`."""
    return region(make_state(np.array([[-1.0, 0], [1, 0]])), np.array([1.0, 0]), np.array([0.0, 1]))


# --- the plane ------------------------------------------------------------------------------------


def test_axes_are_orthonormal_and_in_the_order_given(state):
    first, second = 3 * random_direction(state, 0), random_direction(state, 1)
    axes = region(state, first, torch.from_numpy(second)).axes.numpy()
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(axes[:, 0], first / 3, atol=1e-15)
    assert axes[:, 1] @ second > 0
    # the second lies in the plane of both
    np.testing.assert_allclose(axes @ (axes.T @ second), second, atol=1e-14)


def test_curvature_is_the_autograd_hessian_of_kl_in_the_plane(state, plane):
    axes = plane.axes
    hessian = torch.autograd.functional.hessian(
        lambda c: true_kl(state, axes @ c), torch.zeros(2, dtype=torch.float64)
    )
    # sums of 40 terms of size one; the middle one is the definition
    np.testing.assert_allclose(plane.curvature, hessian.numpy(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(plane.curvature, axes.T @ fisher.dense(state) @ axes, atol=1e-13)


@pytest.mark.parametrize("sign", [-1, 1])
def test_parallel_directions_span_no_plane(state, sign):
    v = random_direction(state)
    message = rf"parallel \(cosine {'-' * (sign < 0)}1\.000000000\): choose another second one"
    with pytest.raises(StabilityError, match=message):
        region(state, v, 2 * sign * v)


def test_what_is_no_direction_spans_no_plane(state):
    with pytest.raises(StabilityError, match=r"received a vector of zeros: give one"):
        region(state, random_direction(state), np.zeros(6))
    with pytest.raises(StabilityError, match=r"6; received an array of shape \(4,\): use"):
        region(state, np.ones(4), np.arange(4.0))


@pytest.mark.parametrize(
    "state",
    [
        random_state(gain=3.0, softcap=4.0, bias=True),
        nonlinear_state(),
        nonlinear_state(softcap=2.0),
    ],
    ids=["capped", "below a layer", "both"],
)
def test_where_logits_are_nonlinear_the_plane_has_their_curvature_and_divergence(state):
    plane = plane_of(state)
    hessian = torch.func.hessian(lambda c: true_kl(state, plane.axes @ c))
    expected = hessian(torch.zeros(2, dtype=torch.float64)).numpy()
    # sums of 40 terms of size one; the oracle rounds logits up to 20
    np.testing.assert_allclose(plane.curvature, expected, rtol=1e-11, atol=1e-13)
    x, y = np.random.default_rng(0).uniform(-3, 3, (2, 3, 5))
    expected = true_kl(state, points_of(plane, x, y)).numpy()
    np.testing.assert_allclose(plane.kl(x, y), expected, rtol=1e-11, atol=1e-14)


# --- the divergence and the argmax ----------------------------------------------------------------


def test_kl_equals_torch_distributions_on_perturbed_logits(state, plane):
    x, y = np.random.default_rng(0).uniform(-4, 4, (2, 3, 5))
    expected = true_kl(state, points_of(plane, x, y))
    # the oracle rounds logits up to 20
    np.testing.assert_allclose(plane.kl(x, y), expected.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("extent", [1e-3, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("certainty", [0, 12, 60])
def test_the_grid_equals_single_points_near_and_far(extent, certainty):
    plane = plane_of(nearly_one_hot(0, gap=certainty))
    x, y = np.linspace(-extent, extent, 7), np.linspace(-0.5 * extent, extent, 6)
    expected = plane.kl(*np.meshgrid(x, y))
    # the grid has no digits below 1e-10 nats: sums of one and of exponents up to 1e3
    np.testing.assert_allclose(plane.kl_grid(x, y), expected, rtol=1e-10, atol=1e-14)


def test_the_grid_is_right_where_the_product_of_its_factors_underflows():
    rows = np.array([[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]])
    plane = region(make_state(rows), np.array([1.0, 0]), np.array([0.0, 1]))
    far = np.array([900.0])
    # at x = y all three logits are equal again
    assert plane.kl_grid(far, far)[0, 0] == pytest.approx(0, abs=1e-12)
    # at (900, 0.9·900): e^90 among three, from even odds; slopes are centred
    assert plane.kl_grid(far, 0.9 * far)[0, 0] == pytest.approx(90 - np.log(3), rel=1e-12)


def test_the_argmax_is_that_of_the_perturbed_logits(state, plane):
    x, y = np.random.default_rng(0).uniform(-4, 4, (2, 4, 25))
    expected = perturbed_logits(state, points_of(plane, x, y)).argmax(dim=-1).numpy()
    assert len(np.unique(expected)) > 3
    np.testing.assert_array_equal(plane.argmax(x, y), expected)


def test_the_argmax_of_a_tie_is_the_lowest_id():
    plane = region(uniform_state(4), np.array([0, 1.0, 1, 0]), np.array([1.0, 0, 0, 0]))
    x = np.array([0.0, 1.0, -1.0])
    assert plane.argmax(x, np.zeros(3)).tolist() == [0, 1, 0]


# --- the boundary ---------------------------------------------------------------------------------


@properties(12)
@given(seeds, st.floats(0, 8), st.floats(-4, 0.5))
def test_the_divergence_on_the_boundary_is_epsilon(seed, gain, log_epsilon):
    state, epsilon = random_state(seed, V=20, gain=gain), 10**log_epsilon
    plane = plane_of(state, seed)
    x, y = around(CIRCLE, plane.boundary(epsilon, CIRCLE))
    # the merged distribution's tolerance of 1e-5; the oracle's rounding of logits up to 30
    np.testing.assert_allclose(
        far_kl(state, points_of(plane, x, y)).numpy(), epsilon, rtol=1.1e-5, atol=1e-13
    )


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 2.0])
def test_on_its_axes_the_boundary_is_that_of_the_rays(state, plane, epsilon):
    first, second = (ray(state, axis) for axis in plane.axes.T)
    expected = [first.boundary(epsilon)[1], second.boundary(epsilon)[1], first.boundary(epsilon)[0]]
    distances = plane.boundary(epsilon, np.array([0, np.pi / 2, np.pi]))
    # the merged distributions differ, each by at most 1e-5 of ε
    np.testing.assert_allclose(distances, expected, rtol=1e-5)


def test_more_angles_than_fit_in_memory_together_change_nothing(plane):
    angles = np.linspace(0, 6, 67)
    alone = [plane.boundary(0.1, angles[i : i + 1])[0] for i in range(0, 67, 11)]
    # Newton stops at 1e-12 for all rows together: more steps for some
    np.testing.assert_allclose(plane.boundary(0.1, angles)[::11], alone, rtol=1e-11)


@properties(12)
@given(seeds, st.floats(0, 8), st.floats(-4, 0.5))
def test_the_region_is_convex(seed, gain, log_epsilon):
    plane = plane_of(random_state(seed, V=20, gain=gain), seed)
    distances = plane.boundary(10**log_epsilon, CIRCLE)
    corners = np.stack(around(CIRCLE, distances), axis=1)
    middle = 0.5 * (corners + np.roll(corners, -5, axis=0))
    # by convexity no chord leaves the region: its middle may reach ε, and the 1e-5 of the boundary
    assert (plane.kl(*middle.T) <= 10**log_epsilon * (1 + 2e-5)).all()


def test_boundary_points_are_corners_of_their_own_hull(plane):
    corners = np.stack(around(CIRCLE, plane.boundary(0.5, CIRCLE)), axis=1)
    assert len(ConvexHull(corners).vertices) == len(CIRCLE)


def test_the_boundary_of_a_binary_plane_is_a_strip_and_infinite_along_it(binary_plane):
    angles = np.array([0, 0.5, np.pi])
    half = np.arccosh(np.exp(0.1))
    np.testing.assert_allclose(
        binary_plane.boundary(0.1, angles), half / np.abs(np.cos(angles)), rtol=1e-5
    )
    flat = region(binary_plane.state, np.array([0.0, 1]), np.array([1.0, 0]))
    assert flat.boundary(0.1, np.zeros(1))[0] == np.inf


def test_a_boundary_needs_a_positive_number_of_nats(plane):
    with pytest.raises(StabilityError, match=r"received -1.0: try 0.01"):
        plane.boundary(-1.0, CIRCLE)


# --- the ellipse ----------------------------------------------------------------------------------


def test_the_quadratic_is_epsilon_all_around_the_ellipse(plane):
    ellipse = plane.ellipse(0.1)
    points = ellipse.points(CIRCLE)
    quadratic = 0.5 * ((points @ plane.curvature) * points).sum(axis=1)
    np.testing.assert_allclose(quadratic, 0.1, rtol=1e-12)
    # the longer axis first, at its angle
    lengths = np.linalg.norm(points, axis=1)
    assert ellipse.semi_axes[0] == pytest.approx(lengths[0], rel=1e-14)
    assert ellipse.semi_axes[0] > lengths[1:12].max()
    assert np.tan(ellipse.angle) == pytest.approx(points[0, 1] / points[0, 0], rel=1e-10)


def test_semi_axes_of_a_uniform_prediction_are_their_closed_form():
    """On `e₁` and `e₂` of V orthonormal rows the curvature is `(I − 11ᵀ/V)/V`."""
    V, epsilon = 5, 0.02
    ellipse = region(uniform_state(V), np.eye(V)[0], np.eye(V)[1]).ellipse(epsilon)
    long, short = np.sqrt(2 * epsilon * V / (1 - 2 / V)), np.sqrt(2 * epsilon * V)
    np.testing.assert_allclose(ellipse.semi_axes, [long, short], rtol=1e-13)
    assert np.tan(ellipse.angle) == pytest.approx(1, rel=1e-12)  # along (1, 1)


def test_points_of_an_ellipse_follow_its_axes():
    ellipse = Ellipse((2.0, 1.0), np.pi / 2)
    quarter_turns = np.array([0, np.pi / 2, np.pi])
    np.testing.assert_allclose(
        ellipse.points(quarter_turns), [[0, 2], [-1, 0], [0, -2]], atol=1e-15
    )


@pytest.mark.parametrize("epsilon", [1e-6, 1e-9])
def test_the_boundary_tends_to_the_ellipse_as_epsilon_tends_to_zero(plane, epsilon):
    points = plane.ellipse(epsilon).points(CIRCLE)
    angles = np.arctan2(points[:, 1], points[:, 0])
    ratio = plane.boundary(epsilon, angles) / np.linalg.norm(points, axis=1)
    # they differ by t·κ₃/(6κ₂), with t of about sqrt(2ε/κ₂): of the order of sqrt(ε)
    np.testing.assert_allclose(ratio, 1, rtol=2 * np.sqrt(epsilon))


def test_a_flat_direction_in_the_plane_leaves_no_ellipse(binary_plane):
    assert binary_plane.ellipse(0.1) is None


# --- the cells ------------------------------------------------------------------------------------


def test_cells_partition_the_view_and_own_their_argmax(plane):
    extent = (-5.0, 4.0, -3.0, 6.0)
    cells = plane.cells(extent)
    assert len(cells) > 3
    # corners round to 1e-15 of the view
    assert sum(cell.area for cell in cells) == pytest.approx(81, rel=1e-10)
    for cell in cells:
        assert cell.text == f"<{cell.id}>"
        # points of the cell: towards each corner from the middle
        x, y = (cell.centroid + 0.999 * (cell.corners - cell.centroid)).T
        assert (plane.argmax(x, y) == cell.id).all()


def test_two_tokens_share_the_view_along_the_line_of_even_odds():
    state = with_logits(np.array([[0.0, 0], [1, 0]]), [1.0, 0.0])
    cells = region(state, np.array([1.0, 0]), np.array([0.0, 1])).cells((-2.0, 2.0, -1.0, 1.0))
    # logits 1 and x
    assert {cell.id: cell.area for cell in cells} == pytest.approx({0: 6.0, 1: 2.0}, rel=1e-14)


# --- three states ---------------------------------------------------------------------------------


def perturbed(state, delta):
    """Another prompt's state of the same model and site."""
    return replace(state, vector=state.vector + torch.as_tensor(delta).to(state.vector))


def test_a_plane_through_three_states_has_their_distances(state):
    draw = np.random.default_rng(5)
    b, c = (perturbed(state, draw.standard_normal(state.width)) for _ in "bc")
    plane = region_through(state, b, c)
    corners = [plane.coordinates(corner.vector) for corner in (state, b, c)]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        states = (state, b, c)
        distance = (states[i].vector.double() - states[j].vector.double()).norm()
        # the axes are orthonormal in double precision
        assert np.hypot(*np.subtract(corners[i], corners[j])) == pytest.approx(
            float(distance), rel=1e-12
        )
    assert corners[0] == (0, 0)
    assert corners[1][0] > 0
    assert abs(corners[1][1]) < 1e-12 * corners[1][0]
    assert corners[2][1] > 0


def test_a_vector_off_the_plane_has_the_coordinates_of_its_foot(plane):
    x, y = 0.3, -2.0
    point = plane.state.vector.double() + plane.axes @ torch.tensor([x, y], dtype=torch.float64)
    off = torch.as_tensor(random_direction(plane.state, 9)).double()
    off -= plane.axes @ (plane.axes.T @ off)
    assert plane.coordinates(point + 7 * off) == pytest.approx((x, y), rel=1e-12)


def test_three_states_on_a_line_make_no_plane(state):
    delta = np.ones(state.width)
    with pytest.raises(StabilityError, match="parallel"):
        region_through(state, perturbed(state, delta), perturbed(state, -2 * delta))


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_an_ellipse_and_a_boundary_need_positive_nats(epsilon):
    state = random_state(d=3)
    plane = region(state, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    with pytest.raises(StabilityError, match="positive number of nats"):
        plane.ellipse(epsilon)
    with pytest.raises(StabilityError, match="positive number of nats"):
        plane.boundary(epsilon, np.zeros(1))
