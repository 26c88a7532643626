"""One direction from one state: closed form, truth and certificate."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import logsumexp
from support.states import (
    binary_state,
    exact_kl,
    log_mean_exp,
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
from stability.exact.line import ExactLine
from stability.exact.slope_distribution import MERGE_TOLERANCE
from stability.geometry.ray import ray
from stability.numerical.line import NumericalLine

seeds = st.integers(0, 10**6)
EPSILONS = [1e-3, 0.01, 0.1, 1.0]


@pytest.fixture
def state():
    return random_state(0, bias=True, scale=0.7, gain=2)


@pytest.fixture
def line(state):
    return ray(state, random_direction(state))


@pytest.fixture
def flat():
    """No token's logit moves along the second axis."""
    return ray(make_state(np.array([[1.0, 0], [-1, 0], [0.5, 0]])), np.array([0.0, 1]))


# --- the closed form ------------------------------------------------------------------------------


def test_a_relative_radius_is_a_part_of_the_norm(state, flat):
    long = replace(state, vector=3 * state.vector / state.norm)
    line = ray(long, random_direction(long))
    # single precision keeps the norm to 6e-8
    assert line.relative_radius(0.01) == pytest.approx(line.predicted_radius(0.01) / 3, rel=1e-6)
    assert flat.relative_radius(0.01) is None


def test_curvature_is_the_autograd_hessian_of_kl_along_the_direction(state, line):
    v = line.direction
    origin = torch.zeros_like(v)
    hessian = torch.autograd.functional.hessian(lambda delta: true_kl(state, delta), origin)
    # torch sums V terms of size one: 1e-15 of each
    assert line.curvature == pytest.approx(float(v @ hessian @ v), rel=1e-12)
    assert line.curvature == pytest.approx(float(v @ fisher.dense(state) @ v), rel=1e-12)


def test_curvature_of_a_binary_vocabulary_is_its_closed_form():
    assert ray(binary_state(0.3, gap=2.0), np.ones(1)).curvature == pytest.approx(
        0.3 * 0.7 * 4, rel=1e-14
    )


def test_curvature_of_a_uniform_prediction_over_orthonormal_rows_is_its_closed_form():
    line = ray(uniform_state(5), np.eye(5)[0])
    assert line.curvature == pytest.approx((1 - 1 / 5) / 5, rel=1e-14)
    assert line.kl(2.0)[0] == pytest.approx(np.log((np.exp(2) + 4) / 5) - 2 / 5, rel=1e-13)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_quadratic_is_epsilon_at_the_predicted_radius(line, epsilon):
    radius = line.predicted_radius(epsilon)
    assert radius == pytest.approx(np.sqrt(2 * epsilon / line.curvature), rel=1e-14)
    np.testing.assert_allclose(line.quadratic(np.array([-radius, radius])), epsilon, rtol=1e-14)


def test_cumulants_are_those_of_the_slope_under_the_prediction(state, line):
    p = state.probs.numpy()
    a = 0.7 * state.readout.W_U.numpy() @ line.direction.numpy()
    second, third, fourth = (p @ (a - p @ a) ** n for n in (2, 3, 4))
    # sums of 40 products
    np.testing.assert_allclose(line.cumulants, [second, third, fourth - 3 * second**2], rtol=1e-12)


# --- the truth ------------------------------------------------------------------------------------


def test_kl_equals_torch_distributions_on_perturbed_logits(state, line):
    t = np.linspace(-5, 5, 41)
    expected = true_kl(state, t[:, None] * line.direction.numpy())
    # the merged distribution's tolerance, and the oracle's rounding of logits up to 20
    np.testing.assert_allclose(line.kl(t), expected.numpy(), rtol=2 * MERGE_TOLERANCE, atol=1e-14)


def test_kl_over_t_squared_tends_to_half_the_curvature(line):
    t = 1e-6
    # the next term is t·κ₃/(3κ₂) of it
    assert line.kl(t)[0] / t**2 == pytest.approx(line.curvature / 2, rel=1e-5)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_boundaries_are_where_another_root_finder_finds_them(state, line, epsilon):
    def excess(t):
        return float(true_kl(state, t * line.direction.numpy())) - epsilon

    minus, plus = line.boundary(epsilon)
    # KL is right to MERGE_TOLERANCE; where it grows at least linearly, so is its root
    assert minus == pytest.approx(-brentq(excess, -100, 0, xtol=1e-13), rel=2e-5)
    assert plus == pytest.approx(brentq(excess, 0, 100, xtol=1e-13), rel=2e-5)


def test_boundaries_of_a_binary_vocabulary_have_equal_sides_only_at_even_odds():
    minus, plus = ray(binary_state(0.5), np.ones(1)).boundary(0.1)
    # log cosh t = 0.1 for a gap of two
    expected = np.arccosh(np.exp(0.1))
    np.testing.assert_allclose([minus, plus], expected, rtol=2e-5)
    minus, plus = ray(binary_state(0.2), np.ones(1)).boundary(0.1)
    assert plus < 0.95 * minus  # κ₃ > 0: KL grows faster on the plus side


@properties(30)
@given(seeds, st.floats(5, 300), st.floats(-4, 0.5), st.sampled_from(["random", "top", "away"]))
def test_boundaries_hold_where_the_prediction_is_almost_certain(seed, gap, log_epsilon, towards):
    """Down to 1 − p = 1e-130, with lengths up to 1e130 where only the top token gains."""
    state, epsilon = nearly_one_hot(seed, gap=gap), 10**log_epsilon
    row = state.readout.W_U[0].numpy()
    direction = {"random": random_direction(state, seed), "top": row, "away": -row}[towards]
    line = ray(state, direction)
    weights = state.probs.numpy()
    for sign, distance, (inner, outer) in zip(
        [-1, 1], line.boundary(epsilon), line.certificate(epsilon), strict=True
    ):
        assert inner <= distance <= outer
        kl = log_mean_exp(line.slopes, weights, sign * distance)
        # the boundary's MERGE_TOLERANCE; the logits round to 1e-16 of up to 1e3
        assert kl == pytest.approx(epsilon, rel=1e-4, abs=1e-12)


def test_small_divergences_of_an_almost_certain_prediction_keep_their_digits():
    state = nearly_one_hot(0, gap=60)
    line = ray(state, random_direction(state))
    exact = exact_kl(line.slopes, state.probs.numpy(), 1.5)
    assert exact < 1e-20
    assert line.kl(1.5)[0] == pytest.approx(exact, rel=2 * MERGE_TOLERANCE, abs=0)


def test_the_float32_readout_of_a_real_model_costs_float32_digits_only():
    state = random_state(3, V=500, d=32, dtype=torch.float32)
    v = random_direction(state)
    double = make_state(state.readout.W_U.double(), state.vector.double())
    single, exact = ray(state, v).boundary(0.1), ray(double, v).boundary(0.1)
    # products of 32 terms in float32: a few 1e-7 of each slope and logit
    np.testing.assert_allclose(single, exact, rtol=1e-5)


def test_probabilities_along_the_ray_are_those_of_the_perturbed_logits(state, line):
    t, tokens = np.linspace(-3, 3, 7), np.array([4, 0, 39])
    expected = perturbed_logits(state, t[:, None] * line.direction.numpy()).softmax(dim=1).numpy().T
    # KL is right to 1e-5 of itself, at most 10 nats here
    np.testing.assert_allclose(line.probabilities(t), expected, rtol=1e-4)
    np.testing.assert_allclose(line.probabilities(t, tokens), expected[tokens], rtol=1e-4)


def test_pushed_tokens_are_those_whose_probability_changes_fastest(state, line):
    h = 1e-5
    both = perturbed_logits(state, np.array([[-h], [h]]) * line.direction.numpy()).softmax(dim=1)
    rates = ((both[1] - both[0]) / (2 * h)).numpy()
    order = np.argsort(rates)
    losing, gaining = line.pushed(3)
    assert [push.id for push in losing] == order[:3].tolist()
    assert [push.id for push in gaining] == order[::-1][:3].tolist()
    # a central difference: h² of the third derivative, and 1e-16/h of rounding
    for push in losing + gaining:
        assert push.rate == pytest.approx(rates[push.id], abs=1e-8)
        assert push.text == f"<{push.id}>"


# --- invariances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1e-200, 0.1, 5.0, 1e200])
def test_the_length_of_the_direction_does_not_matter(state, length):
    v = random_direction(state)
    assert ray(state, length * v).boundary(0.1) == pytest.approx(ray(state, v).boundary(0.1))


def test_the_opposite_direction_swaps_the_sides(state):
    v = random_direction(state)
    forward, back = ray(state, v), ray(state, -v)
    # the mean of −a rounds as that of a; bins are cut from the other end
    assert back.boundary(0.1)[::-1] == pytest.approx(forward.boundary(0.1), rel=2e-5)
    np.testing.assert_allclose(back.certificate(0.1)[::-1], forward.certificate(0.1), rtol=1e-12)
    assert back.flips() == forward.flips()[::-1]


def test_one_vector_added_to_every_row_changes_nothing():
    state = random_state(5)
    shifted = make_state(state.readout.W_U + torch.arange(6), state.vector)
    v = random_direction(state)
    line, same_line = ray(state, v), ray(shifted, v)
    # slopes of size ten round to 1e-15
    assert same_line.curvature == pytest.approx(line.curvature, rel=1e-12)
    assert same_line.boundary(0.1) == pytest.approx(line.boundary(0.1), rel=1e-6)


def test_scaling_the_logits_is_scaling_the_rows(state):
    readout, v = state.readout, random_direction(state)
    scaled = make_state(0.7 * readout.W_U, state.vector, readout.bias)
    assert ray(state, v).boundary(0.1) == pytest.approx(ray(scaled, v).boundary(0.1), rel=1e-9)


# --- the certificate ------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [1e-4, 0.01, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_true_divergence_crosses_epsilon_within_the_bracket(seed, epsilon):
    state = random_state(seed, gain=4)
    line = ray(state, random_direction(state, seed))
    for sign, bracket in zip([-1, 1], line.certificate(epsilon), strict=True):
        ends = sign * np.array(bracket)[:, None] * line.direction.numpy()
        below, above = true_kl(state, ends).tolist()
        assert below < epsilon < above


def test_a_flat_direction_has_neither_radius_nor_boundary_nor_certificate(flat):
    assert flat.curvature == 0
    assert flat.predicted_radius(0.1) is None
    assert flat.boundary(0.1) == (None, None)
    assert flat.certificate(0.1) is None
    assert flat.trust_range() == (None, None)
    assert flat.flips() == ([], [])
    np.testing.assert_array_equal(flat.kl(np.array([-1e6, 1.0])), 0)


# --- the trust range ------------------------------------------------------------------------------


def first_departure(line, sign, tolerance):
    """By a dense scan: scipy's divergence is right to 1e-16, and here never below 1e-6."""
    t = np.sqrt(2 / line.curvature) * np.geomspace(1e-3, 10, 4001)
    kl = logsumexp(
        sign * t[:, None] * line.slopes, b=line.exact.distribution.tokens.weights, axis=1
    )
    return t[np.abs(0.5 * line.curvature * t**2 / kl - 1) > tolerance][0]


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
@pytest.mark.parametrize(
    "state",
    [random_state(1, V=12), random_state(2, V=12, gain=4), binary_state(0.5), binary_state(0.05)],
)
def test_the_trust_range_is_where_a_dense_scan_first_sees_the_tolerance_broken(state, tolerance):
    line = ray(state, random_direction(state))
    for sign, end in zip([-1, 1], line.trust_range(tolerance), strict=True):
        # one step of the scan is a factor of 1.0023
        assert end == pytest.approx(first_departure(line, sign, tolerance), rel=2.5e-3)


@pytest.mark.parametrize("gap", [5, 40, 90])
def test_the_trust_range_holds_where_the_prediction_is_almost_certain(gap):
    """Its closed-form radius is up to 1e19 times longer than its trust range."""
    state = nearly_one_hot(0, V=12, gap=gap)
    line = ray(state, random_direction(state))
    for sign, end in zip([-1, 1], line.trust_range(), strict=True):
        kl = exact_kl(line.slopes, state.probs.numpy(), sign * end)
        assert abs(line.quadratic(end)[0] / kl - 1) == pytest.approx(0.1, rel=1e-3)
        for nearer in end * np.linspace(0.1, 0.99, 10):
            kl = exact_kl(line.slopes, state.probs.numpy(), sign * nearer)
            assert abs(line.quadratic(nearer)[0] / kl - 1) < 0.1


def test_the_trust_range_holds_where_rare_far_tokens_are_all_that_bins_can_tell_apart():
    rows = np.append(np.linspace(-1, 1, 30), -3000.0)[:, None]
    state = with_logits(rows, np.append(np.zeros(30), -20.0))
    line = ray(state, np.ones(1))
    end = line.trust_range()[1]
    assert end == pytest.approx(first_departure(line, 1, 0.1), rel=2.5e-3)


# --- where the logits are nonlinear ---------------------------------------------------------------


NONLINEAR = {
    "capped": random_state(gain=3.0, softcap=4.0, bias=True),
    "below a layer": nonlinear_state(gain=2.0),
    "below a layer, capped": nonlinear_state(1, gain=2.0, softcap=4.0),
}


@pytest.fixture(params=NONLINEAR)
def nonlinear(request):
    state = NONLINEAR[request.param]
    return ray(state, random_direction(state))


def test_the_truth_is_exact_where_logits_are_linear_and_evaluated_where_they_are_not(
    line, nonlinear
):
    assert isinstance(line.truth, ExactLine)
    assert isinstance(nonlinear.truth, NumericalLine)


def test_where_logits_are_nonlinear_the_curvature_is_the_autograd_hessian_of_kl(nonlinear):
    v = nonlinear.direction
    hessian = torch.func.hessian(lambda delta: true_kl(nonlinear.state, delta))(torch.zeros_like(v))
    assert nonlinear.curvature == pytest.approx(float(v @ hessian @ v), rel=1e-12)


def test_where_logits_are_nonlinear_kl_and_probabilities_are_those_of_torch_distributions(
    nonlinear,
):
    t, tokens = np.linspace(-4, 4, 17), np.array([4, 0, 39])
    deltas = t[:, None] * nonlinear.direction.numpy()
    # the oracle rounds logits of up to 20
    np.testing.assert_allclose(
        nonlinear.kl(t), true_kl(nonlinear.state, deltas), rtol=1e-12, atol=1e-14
    )
    expected = perturbed_logits(nonlinear.state, deltas).softmax(dim=1).numpy().T
    np.testing.assert_allclose(nonlinear.probabilities(t), expected, rtol=1e-11)
    np.testing.assert_allclose(nonlinear.probabilities(t, tokens), expected[tokens], rtol=1e-11)


def test_where_logits_are_nonlinear_nothing_is_certified(nonlinear):
    assert nonlinear.certificate(0.1) is None
    assert nonlinear.certificates(np.array(EPSILONS)) is None
    assert nonlinear.cumulants is None


def test_where_logits_are_nonlinear_a_direction_without_effect_has_neither_radius_nor_boundary():
    """The network above ignores the last axis; in float64 the divergence along it is zero."""
    state = random_state()
    blind = make_state(
        state.readout.W_U, torch.ones(7, dtype=torch.float64), above=lambda x: x[..., :6].tanh()
    )
    line = ray(blind, np.eye(7)[6])
    assert line.curvature == 0
    assert line.predicted_radius(0.1) is None
    assert line.boundary(0.1) == (None, None)
    assert line.certificate(0.1) is None
    assert line.trust_range() == (None, None)
    assert line.flips() == ([], [])
    np.testing.assert_array_equal(line.kl(np.array([-1e6, 1.0])), 0)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        (np.zeros(6), r"received a vector of zeros: give one with a length"),
        (np.ones(5), r"the state, 6; received an array of shape \(5,\): use a vector captured"),
        (np.array([1, 2, np.nan, 0, np.inf, 0]), r"2 of its 6 components are NaN.*: check how"),
    ],
)
def test_what_is_no_direction_is_refused(state, direction, message):
    with pytest.raises(StabilityError, match=message):
        ray(state, direction)


@pytest.mark.parametrize("method", ["predicted_radius", "boundary", "certificate"])
@pytest.mark.parametrize("epsilon", [0.0, -0.1, np.nan, np.inf])
def test_epsilon_must_be_a_positive_number_of_nats(line, nonlinear, method, epsilon):
    for each_ray in (line, nonlinear):
        with pytest.raises(StabilityError, match=f"positive number of nats; received {epsilon}: t"):
            getattr(each_ray, method)(epsilon)


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.inf, np.nan])
def test_a_tolerance_must_be_positive(tolerance):
    with pytest.raises(
        StabilityError, match=f"must be positive, and finite; received {tolerance}: try 0.1"
    ):
        ray(random_state(), random_direction(random_state())).trust_range(tolerance)


def test_a_number_of_tokens_must_be_positive():
    with pytest.raises(StabilityError, match="at least 1; received 0: try 5"):
        ray(random_state(), random_direction(random_state())).pushed(0)


def test_a_single_distance_has_probabilities_as_it_has_a_divergence():
    line = ray(random_state(), random_direction(random_state()))
    np.testing.assert_array_equal(line.probabilities(0.5), line.probabilities(np.array([0.5])))
