"""The truth in a plane of nonlinear logits: against the exact one, and closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from support.states import (
    Function,
    make_state,
    nonlinear_state,
    perturbed_logits,
    random_direction,
    random_state,
    true_kl,
)

from stability.exact.plane import ExactPlane
from stability.geometry.ray import ray
from stability.geometry.region import Region, region
from stability.numerical.crossings import REACH
from stability.numerical.plane import LATTICE, NumericalPlane
from stability.prediction.state import State

CIRCLE = np.linspace(0, 2 * np.pi, 24, endpoint=False)
ACCURACY = 1e-4  # relative, of a distance
VIEW = (-3.0, 4.0, -2.0, 5.0)


def plane_of(state: State) -> Region:
    return region(state, random_direction(state, 0), random_direction(state, 1))


def points_of(plane: Region, x, y) -> np.ndarray:
    """Perturbations at plane coordinates."""
    return np.stack([x, y], axis=-1) @ plane.axes.numpy().T


@pytest.fixture
def linear() -> Region:
    return plane_of(random_state(0, bias=True, scale=0.7, gain=2))


@pytest.fixture
def identity(linear) -> Region:
    """The same plane, said to lie below a network that changes nothing."""
    return plane_of(replace(linear.state, site="final", above=Function(lambda x: x)))


NONLINEAR = {
    "capped": random_state(0, gain=3.0, softcap=4.0, bias=True),
    "below a layer": nonlinear_state(4, gain=2.0),
    "below a layer, capped": nonlinear_state(1, gain=2.0, softcap=4.0),
}


@pytest.fixture(params=NONLINEAR)
def nonlinear(request) -> Region:
    return plane_of(NONLINEAR[request.param])


# --- where logits are linear ----------------------------------------------------------------------


def test_the_truth_is_exact_where_logits_are_linear_and_evaluated_where_they_are_not(
    linear, identity, nonlinear
):
    assert isinstance(linear.truth, ExactPlane)
    assert isinstance(identity.truth, NumericalPlane)
    assert isinstance(nonlinear.truth, NumericalPlane)


def test_where_logits_are_linear_both_planes_agree_point_by_point(linear, identity):
    np.testing.assert_allclose(identity.curvature, linear.curvature, rtol=1e-12, atol=1e-14)
    x, y = np.random.default_rng(0).uniform(-4, 4, (2, 7, 9))
    np.testing.assert_allclose(identity.kl(x, y), linear.kl(x, y), rtol=1e-12, atol=1e-14)
    winners = linear.argmax(x, y)
    assert len(np.unique(winners)) > 3
    np.testing.assert_array_equal(identity.argmax(x, y), winners)
    x, y = np.linspace(-3, 3, 7), np.linspace(-1, 2, 5)
    np.testing.assert_allclose(identity.kl_grid(x, y), linear.kl_grid(x, y), rtol=1e-9)


@pytest.mark.parametrize("epsilon", [1e-5, 0.01, 1.0])
def test_where_logits_are_linear_the_boundary_is_the_exact_one(linear, identity, epsilon):
    expected = linear.boundary(epsilon, CIRCLE)
    assert expected.max() < REACH * identity.state.norm
    np.testing.assert_allclose(identity.boundary(epsilon, CIRCLE), expected, rtol=ACCURACY)


def test_where_logits_are_linear_cells_are_nearly_the_exact_polygons(linear, identity):
    exact = {cell.id: cell for cell in linear.cells(VIEW)}
    spacing = (VIEW[1] - VIEW[0]) / (LATTICE - 1)
    cells = identity.cells(VIEW)
    assert len(exact) > 3
    for token, cell in exact.items():
        areas = [part.area for part in cells if part.id == token]
        # within a square of the lattice, corners of three cells are cut: a few squares each
        assert sum(areas) == pytest.approx(cell.area, abs=4 * spacing**2)
    for cell in cells:
        assert cell.text == f"<{cell.id}>"
        assert cell.id in exact
    total = sum(cell.area for cell in cells)
    assert total == pytest.approx(49, rel=0.01)


# --- where they do --------------------------------------------------------------------------------


def test_where_logits_are_nonlinear_kl_and_argmax_are_those_of_the_perturbed_logits(nonlinear):
    x, y = np.random.default_rng(0).uniform(-4, 4, (2, 5, 11))
    deltas = points_of(nonlinear, x, y)
    # the oracle rounds logits of up to 20
    expected = true_kl(nonlinear.state, deltas).numpy()
    np.testing.assert_allclose(nonlinear.kl(x, y), expected, rtol=1e-11, atol=1e-14)
    winners = perturbed_logits(nonlinear.state, deltas).argmax(dim=-1).numpy()
    assert len(np.unique(winners)) > 2
    np.testing.assert_array_equal(nonlinear.argmax(x, y), winners)


def test_a_grid_has_its_rows_by_y(nonlinear):
    x, y = np.linspace(-1, 2, 4), np.linspace(-3, 1, 3)
    grid = nonlinear.kl_grid(x, y)
    assert grid.shape == (3, 4)
    expected = true_kl(nonlinear.state, points_of(nonlinear, *np.meshgrid(x, y))).numpy()
    np.testing.assert_allclose(grid, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("epsilon", [1e-5, 0.01, 1.0])
def test_where_logits_are_nonlinear_the_boundary_of_an_angle_is_that_of_its_ray(nonlinear, epsilon):
    distances = nonlinear.boundary(epsilon, CIRCLE)
    assert np.isfinite(distances).sum() > 12
    for angle, distance in zip(CIRCLE, distances, strict=True):
        axes = nonlinear.axes.numpy() @ [np.cos(angle), np.sin(angle)]
        expected = ray(nonlinear.state, axes).boundary(epsilon)[1]
        assert distance == pytest.approx(math.inf if expected is None else expected, rel=ACCURACY)


def coin_plane(f, g, reach: float = 50.0) -> Region:
    """Even odds whose logits are `±(f(x) + g(y))` in the plane of the first two axes."""
    rows = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    vector = torch.tensor([0.0, 0.0, reach / REACH], dtype=torch.float64)
    state = make_state(rows, vector, above=lambda v: f(v[..., :1]) + g(v[..., 1:2]))
    return region(state, np.array([1.0, 0, 0]), np.array([0.0, 1, 0]))


def test_where_the_divergence_saturates_an_unreachable_angle_is_infinite():
    """`log cosh(½ tanh x + y)`: 0.5 nats are out of reach along `x`, and not where `y` helps."""
    plane = coin_plane(lambda x: 0.5 * x.tanh(), lambda y: y)
    height = np.arccosh(np.exp(0.5))
    distances = plane.boundary(0.5, np.array([0.0, np.pi / 2, np.pi, 0.3, -np.pi / 2]))
    assert np.isinf(distances[[0, 2]]).all()
    assert distances[[1, 4]] == pytest.approx([height, height], rel=ACCURACY)
    expected = brentq(lambda t: 0.5 * np.tanh(t * np.cos(0.3)) + t * np.sin(0.3) - height, 0, 20)
    assert distances[3] == pytest.approx(expected, rel=ACCURACY)


def test_of_a_divergence_that_rises_and_falls_the_first_crossing_is_the_boundary():
    """`log cosh(2 sin 1000x + y)`: steep along `x`, where it returns at once."""
    plane = coin_plane(lambda x: 2 * (1000 * x).sin(), lambda y: y)
    height = np.arccosh(np.exp(0.3))
    steep, flat = np.arcsin(height / 2) / 1000, height
    distances = plane.boundary(0.3, np.array([0.0, np.pi / 2, np.pi]))
    assert distances == pytest.approx([steep, flat, steep], rel=ACCURACY)


def test_without_angles_there_is_no_boundary(linear):
    assert linear.boundary(0.1, np.empty(0)).shape == (0,)


def test_where_logits_are_nonlinear_cells_have_the_area_in_which_their_token_wins(nonlinear):
    x, y = (np.linspace(*ends, 150) for ends in (VIEW[:2], VIEW[2:]))
    winners = (
        perturbed_logits(nonlinear.state, points_of(nonlinear, *np.meshgrid(x, y)))
        .argmax(dim=-1)
        .numpy()
    )
    tokens = np.unique(winners)
    cells = nonlinear.cells(VIEW)
    assert len(cells) > 1
    for token in {*tokens.tolist(), *(cell.id for cell in cells)}:
        area = sum(cell.area for cell in cells if cell.id == token)
        # a part of the view; edges are straight within a square of the lattice, a thousandth of it
        assert area / 49 == pytest.approx((winners == token).mean(), abs=0.01)


def test_a_token_may_win_in_stripes():
    """Token 1 leads where `1 + 2 sin x > 0`: each stripe is a cell of its own."""
    rows = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    vector = torch.tensor([0.0, 0.0, 4.0], dtype=torch.float64)
    state = make_state(
        rows, vector, bias=torch.tensor([0.0, 1.0]).double(), above=lambda v: v[..., :1].sin()
    )
    plane = region(state, np.array([1.0, 0, 0]), np.array([0.0, 1, 0]))
    end = 2 * np.pi
    cells = plane.cells((-end, end, -1.0, 1.0))
    spans = sorted((cell.corners[:, 0].min(), cell.corners[:, 0].max(), cell.id) for cell in cells)
    edges = np.array([-end, -5 * np.pi / 6, -np.pi / 6, 7 * np.pi / 6, 11 * np.pi / 6, end])
    assert [token for *_, token in spans] == [1, 0, 1, 0, 1]
    spacing = 2 * end / (LATTICE - 1)
    # a lead is straight within a spacing `h` of 0.39: its zero is off by h²/8·f″/f′, 0.03·h
    np.testing.assert_allclose([s for s, *_ in spans], edges[:-1], atol=0.1 * spacing)
    np.testing.assert_allclose([s for _, s, _ in spans], edges[1:], atol=0.1 * spacing)


def test_a_view_with_one_winner_is_one_cell(nonlinear):
    [cell] = nonlinear.cells((-1e-3, 1e-3, -2e-3, 1e-3))
    assert cell.id == nonlinear.state.argmax
    assert cell.text == f"<{cell.id}>"
    assert cell.area == pytest.approx(2e-3 * 3e-3, rel=1e-12)


def test_a_hole_in_a_cell_is_drawn_by_the_cell_in_it():
    """Token 1 leads within a circle of radius one around the state."""
    rows = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    vector = torch.tensor([0.0, 0.0, 4.0], dtype=torch.float64)
    state = make_state(
        rows,
        vector,
        bias=torch.tensor([-1.0, 0.0]).double(),
        above=lambda v: v[..., :2].square().sum(dim=-1, keepdim=True),
    )
    plane = region(state, np.array([1.0, 0, 0]), np.array([0.0, 1, 0]))
    cells = {cell.id: cell for cell in plane.cells((-2.0, 2.0, -2.0, 2.0))}
    assert set(cells) == {0, 1}
    # a polygon of straight pieces of an eighth in a circle
    assert cells[1].area == pytest.approx(np.pi, rel=0.01)
    assert cells[0].area == pytest.approx(16, rel=1e-9)


def test_what_was_evaluated_is_kept():
    state, calls = nonlinear_state(), []

    def above(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return state.above(x)

    plane = plane_of(replace(state, above=Function(above)))
    x, y = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(0, 1, 4))
    plane.kl(x, y)
    before = len(calls)
    plane.kl(x.copy(), y.copy())
    plane.argmax(x, y)
    assert len(calls) == before
