"""Brackets and a ball that need no root-finding along the ray."""

from decimal import Decimal
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw
from support.states import (
    binary_state,
    exact_kl,
    nearly_one_hot,
    properties,
    random_direction,
    random_measure,
    random_state,
    single,
    true_kl,
    uniform_state,
)

from stability.curvature import fisher, row_spread
from stability.errors import StabilityError
from stability.exact import self_concordance
from stability.exact.discrete_measure import weighted
from stability.exact.self_concordance import ball, solve_excess
from stability.geometry.ray import ray

# the positive `y` with `e^y − 1 − y = c`, and that with `e^{−y} − 1 + y = c`
solve_growth, solve_decay = (partial(solve_excess, sign=sign) for sign in (1.0, -1.0))

seeds = st.integers(0, 10**6)
certainties = st.floats(0, 25)  # standard deviation of the logits: from uniform to 1 − p = 1e-40
scales = st.floats(-6, 6).map(lambda x: 10**x)
epsilons = st.floats(-4, 0.5).map(lambda x: 10**x)
right_sides = st.floats(-12, 6).map(lambda x: 10**x)


ROUNDING = 1e-4  # that is kept in reserve


def brackets(slopes, weights, epsilon):
    """The inner and the outer distances on the plus side."""
    bounds = self_concordance.brackets(weighted(slopes, weights), epsilon, ROUNDING)
    return bounds[..., 1, 0, :], bounds[..., 1, 1, :]


def reach_and_eigenvalue(state):
    spread = row_spread.row_spread(state)
    return spread.reach, float(np.linalg.eigvalsh(fisher.dense(state).numpy())[-1])


# --- the two equations ----------------------------------------------------------------------------


@properties(200)
@given(right_sides)
def test_solutions_put_back_give_the_right_hand_side(c):
    grown, decayed = (Decimal(float(solve(single(c))[0])) for solve in (solve_growth, solve_decay))
    # y is right to 1e-12 and 2e-13 of the equation's own rounding; c moves by at most y ≤ 14 times that
    assert float(grown.exp() - 1 - grown) == pytest.approx(c, rel=1e-10, abs=0)
    assert float((-decayed).exp() - 1 + decayed) == pytest.approx(c, rel=1e-10, abs=0)


def test_solutions_are_lambert_w_where_that_has_its_digits():
    c = np.geomspace(0.01, 500, 60)
    # at c = 0.01 the argument of W is within 5e-5 of its branch point and loses half of 16 digits
    np.testing.assert_allclose(
        solve_growth(c), -1 - c - lambertw(-np.exp(-1 - c), -1).real, rtol=1e-10
    )
    np.testing.assert_allclose(solve_decay(c), 1 + c + lambertw(-np.exp(-1 - c)).real, rtol=1e-10)


@pytest.mark.parametrize("c", [1e-300, 1e-100, 1e-12])
def test_for_tiny_right_hand_sides_both_solutions_are_the_closed_form(c):
    root = np.sqrt(2 * c)
    # the next term of the series is y/6 < 2.4e-7 relative
    assert solve_growth(single(c))[0] == pytest.approx(root * (1 - root / 6), rel=1e-11)
    assert solve_decay(single(c))[0] == pytest.approx(root * (1 + root / 6), rel=1e-11)


@pytest.mark.parametrize("c", [1e8, 1e100, 1e300])
def test_for_huge_right_hand_sides_growth_is_logarithmic_and_decay_linear(c):
    y = solve_growth(single(c))[0]
    assert y == pytest.approx(np.log1p(c + y), rel=1e-12)
    assert solve_decay(single(c))[0] == pytest.approx(c + 1, rel=1e-12)


def test_solutions_keep_the_shape_they_are_given():
    c = np.geomspace(1e-3, 1e3, 6).reshape(2, 3)
    for solve in (solve_growth, solve_decay):
        np.testing.assert_array_equal(solve(c)[1, 2], solve(c[1:, 2:])[0, 0])
        assert solve(c).shape == (2, 3)


# --- the bracket ----------------------------------------------------------------------------------


@properties(150)
@given(seeds, st.sampled_from([2, 3, 12]), certainties, scales, epsilons)
def test_the_bracket_holds_the_boundary(seed, n, certainty, scale, epsilon):
    values, weights = random_measure(seed, n, certainty, scale)
    for slopes in (values, -values):
        (inner,), (outer,) = brackets(slopes, weights, single(epsilon))
        assert 0 < inner < outer < np.inf
        # a relative ROUNDING of the radius is reserved for rounding, so none is needed here
        assert exact_kl(slopes, weights, inner) < epsilon
        assert exact_kl(slopes, weights, outer) > epsilon


@properties(40)
@given(seeds, certainties, epsilons)
def test_the_bracket_of_a_state_holds_the_boundary_on_both_sides(seed, certainty, epsilon):
    state = random_state(seed, V=20, d=4, gain=certainty)
    line = ray(state, random_direction(state, seed))
    sides = zip(line.certificate(epsilon), line.boundary(epsilon), strict=True)
    assert all(inner <= distance <= outer for (inner, outer), distance in sides)


@properties(60)
@given(seeds, st.floats(0, 4), scales)
def test_both_ends_of_the_bracket_are_the_closed_form_for_small_epsilon(seed, certainty, scale):
    slopes, weights = random_measure(seed, 12, certainty, scale)
    variance, span = weights @ slopes**2, np.ptp(slopes)
    epsilon = 0.5e-8 * variance / span**2  # a radius r with r·span = 1e-4
    radius = np.sqrt(2 * epsilon / variance)
    (inner,), (outer,) = brackets(slopes, weights, single(epsilon))
    # y/6 of the closed form, with y at most 1e-4, and the ROUNDING reserved for rounding
    assert inner == pytest.approx(radius, rel=2e-5 + ROUNDING)
    assert outer == pytest.approx(radius, rel=2e-5 + ROUNDING)


def test_the_bracket_of_a_binary_measure_is_its_formula():
    q, epsilon = 0.3, 0.1
    slopes, weights = np.array([-q, 1 - q]), np.array([1 - q, q])
    (inner,), (outer,) = brackets(slopes, weights, single(epsilon))
    c_in, c_out = epsilon * (1 - q) / q, epsilon / (q * (1 - q))
    y_in = -1 - c_in - lambertw(-np.exp(-1 - c_in), -1).real
    y_out = 1 + c_out + lambertw(-np.exp(-1 - c_out)).real
    by_token = (epsilon - np.log(q)) / (1 - q)
    # rounding of the equations' solutions; the outward ROUNDING is exact
    assert inner == pytest.approx(y_in / (1 - q) * (1 - ROUNDING), rel=1e-10)
    assert outer == pytest.approx(min(y_out, by_token) * (1 + ROUNDING), rel=1e-10)


def test_a_token_that_gains_bounds_the_boundary_where_the_prediction_is_certain():
    p = np.exp(-30)
    slopes, weights = np.array([-p, 1.0 - p]), np.array([1 - p, p])
    outer = brackets(slopes, weights, single(0.5))[1][0]
    # by self-concordance alone it would be about ε/p = 5e12
    assert outer == pytest.approx((0.5 + 30) * (1 + ROUNDING), rel=1e-10)


def test_brackets_in_a_batch_are_those_of_each_row_with_shared_weights():
    draw = np.random.default_rng(0)
    weights = draw.dirichlet(np.ones(9))
    slopes = draw.standard_normal((4, 9))
    slopes -= (slopes @ weights)[:, None]
    epsilon = np.array([1e-3, 0.1, 2.0])
    inner, outer = brackets(slopes, weights, epsilon)
    assert inner.shape == outer.shape == (4, 3)
    for i in range(4):
        alone = brackets(slopes[i], weights, epsilon)
        # one sum may be made in another order
        np.testing.assert_allclose(inner[i], alone[0], rtol=1e-12)
        np.testing.assert_allclose(outer[i], alone[1], rtol=1e-12)


# --- the ball -------------------------------------------------------------------------------------


@properties(100)
@given(seeds, st.floats(0, 8), st.floats(0.01, 100), epsilons)
def test_no_perturbation_inside_the_ball_exceeds_epsilon(seed, gain, scale, epsilon):
    state = random_state(seed, V=30, d=5, gain=gain / scale, scale=scale, bias=True)
    radius = ball(*reach_and_eigenvalue(state), epsilon, ROUNDING)
    draw = np.random.default_rng(seed)
    random = draw.standard_normal((100, 5))
    towards_rows = state.readout.W_U.numpy() - state.probs.numpy() @ state.readout.W_U.numpy()
    top = np.linalg.eigh(fisher.dense(state).numpy())[1].T
    directions = np.concatenate([random, towards_rows, -towards_rows, top, -top])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # the radius keeps ROUNDING in reserve: twice that of ε, above the 1e-15 of the oracle's rounding
    assert true_kl(state, radius * directions).max() < epsilon


@pytest.mark.parametrize("state", [random_state(2), nearly_one_hot(), uniform_state(6)])
@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 1.0])
def test_the_ball_lies_within_the_certified_bracket_of_every_direction(state, epsilon):
    radius = ball(*reach_and_eigenvalue(state), epsilon)
    for seed in range(20):
        (minus, _), (plus, _) = ray(state, random_direction(state, seed)).certificate(epsilon)
        assert radius <= min(minus, plus) * (1 + 1e-12)  # rounding where the two are equal


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5])
def test_in_one_dimension_the_ball_is_the_smaller_certified_inner_radius(p):
    state = binary_state(p)
    (minus, _), (plus, _) = ray(state, np.ones(1)).certificate(0.1)
    # the same formula: reach is max|a_c| and λ is κ₂
    assert ball(*reach_and_eigenvalue(state), 0.1) == pytest.approx(min(minus, plus), rel=1e-10)


def test_a_larger_bound_of_the_eigenvalue_gives_a_smaller_ball():
    assert ball(2.0, 1.1, 0.1) < ball(2.0, 1.0, 0.1)


def test_there_is_no_ball_where_nothing_is_curved():
    assert ball(1.0, 0.0, 0.1) is None


@pytest.mark.parametrize("epsilon", [0.0, -1.0, np.nan, np.inf])
def test_a_ball_needs_a_positive_number_of_nats(epsilon):
    with pytest.raises(StabilityError, match=f"received {epsilon}: try 0.01"):
        ball(1.0, 1.0, epsilon)
