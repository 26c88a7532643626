"""Brackets by four moments of the slope: Gauss–Radau rules, and nothing beyond them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import roots_jacobi
from support.states import (
    binary_state,
    exact_kl,
    make_state,
    nearly_one_hot,
    nonlinear_state,
    properties,
    random_direction,
    random_measure,
    random_state,
    single,
    uniform_state,
)

from stability.errors import StabilityError
from stability.exact import moment_bounds, self_concordance
from stability.exact.discrete_measure import weighted
from stability.exact.moment_bounds import ACCURACY, bracket_centre, radau
from stability.exact.self_concordance import SOLVED
from stability.exact.slope_distribution import boundaries
from stability.geometry.ray import ray

seeds = st.integers(0, 10**6)
certainties = st.floats(0, 25)  # standard deviation of the logits: from uniform to 1 − p = 1e-40
scales = st.floats(-3, 3).map(lambda x: 10**x)
epsilons = st.floats(-4, 0.5).map(lambda x: 10**x)
sizes = st.sampled_from([2, 3, 4, 12])


ROUNDING = 1e-4  # that is kept in reserve


def brackets(measure, epsilon):
    return moment_bounds.brackets(measure, epsilon, ROUNDING)


def ends_of(values):
    return np.array([values.min(), values.max()])


def measure_of_rare_tokens(seed, n, scale):
    """Weights down to 1e-300 beside two of at least 1e-20, centred as a ray's slopes are."""
    draw = np.random.default_rng(seed)
    weights = 10 ** draw.uniform(-300, 0, n)
    weights[:2] = 1, 10 ** draw.uniform(-20, 0)
    weights /= weights.sum()
    values = scale * draw.standard_normal(n)
    values -= values[weights.argmax()]
    return values - weights @ values, weights


def moments_of(values, weights):
    return np.array([(weights * values**k).sum(axis=-1) for k in range(5)])


# --- the rules ------------------------------------------------------------------------------------


@properties(100)
@given(seeds, st.sampled_from([3, 5, 12, 200]), certainties, scales)
def test_a_rule_has_an_atom_at_its_end_and_all_weights_positive(seed, n, certainty, scale):
    values, weights = random_measure(seed, n, certainty, scale)
    rules, sound = radau(weighted(values, weights), ends_of(values))
    assert rules.values.shape == rules.weights.shape == (sound.sum(), 3)
    assert (rules.weights > 0).all()
    np.testing.assert_allclose(rules.weights.sum(axis=1), 1, rtol=1e-15)
    off = np.abs(rules.values - ends_of(values)[sound, None]).min(axis=1)
    # the mean is taken out once more, which rounds to 1e-16 of the largest
    assert (off <= 1e-14 * np.abs(rules.values).max(axis=1)).all()


@properties(100)
@given(seeds, st.sampled_from([3, 5, 12, 200]), certainties, scales)
def test_a_rule_keeps_mass_mean_and_three_more_moments(seed, n, certainty, scale):
    values, weights = random_measure(seed, n, certainty, scale)
    rules, _ = radau(weighted(values, weights), ends_of(values))
    expected = moments_of(values, weights)[:, None]
    reach = moments_of(np.abs(values), weights)
    reach[1] = np.sqrt(reach[2])  # the mean is zero, and small beside a standard deviation
    # what rounding may take is ACCURACY where a rule is kept at all
    error = np.abs(moments_of(rules.values, rules.weights) - expected)
    assert (error <= ACCURACY * reach[:, None]).all()


@properties(60)
@given(seeds, st.sampled_from([4, 12, 200]), st.floats(0, 1), scales)
def test_a_rule_of_an_uncertain_prediction_keeps_moments_to_twelve_digits(seed, n, spread, scale):
    values, weights = random_measure(seed, n, spread, scale)
    rules, sound = radau(weighted(values, weights), ends_of(values))
    assert sound.all()
    expected = moments_of(values, weights)[:, None]
    # nodes round to 1e-16 of the largest, `reach`, and a moment is a sum of their powers
    reach = np.abs(values).max() ** np.arange(5)
    error = np.abs(moments_of(rules.values, rules.weights) - expected)
    assert (error <= 1e-12 * reach[:, None]).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_measure_of_three_atoms_is_its_own_rule_at_either_end(seed):
    values, weights = random_measure(seed, 3, 1.0, 1.0)
    rules, sound = radau(weighted(values, weights), ends_of(values))
    order = values.argsort()
    assert sound.all()
    for nodes, masses in zip(rules.values, rules.weights, strict=True):
        # the closest two of these are 0.007 apart, whose square leaves eleven digits
        np.testing.assert_allclose(nodes, values[order], atol=1e-11)
        np.testing.assert_allclose(masses, weights[order], atol=1e-11)


def test_rules_of_the_uniform_measure_are_those_of_radau():
    nodes, weights = np.polynomial.legendre.leggauss(
        5
    )  # has all nine moments of the uniform measure
    rules, sound = radau(weighted(nodes, weights / 2), np.array([-1.0, 1.0]))
    root = np.sqrt(6)
    known = np.array([-1, (1 - root) / 5, (1 + root) / 5])
    known_weights = np.array([4, 16 + root, 16 - root]) / 36
    assert sound.all()
    np.testing.assert_allclose(rules.values, [known, -known[::-1]], rtol=1e-13)
    np.testing.assert_allclose(rules.weights, [known_weights, known_weights[::-1]], rtol=1e-13)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0.5, 0.5), (2, -0.5), (-0.7, 3), (8, 0)])
def test_rules_of_a_beta_measure_have_the_gauss_nodes_of_the_measure_turned_to_the_end(a, b):
    """The other two nodes are Gauss's under `|end − x|` times the measure: Jacobi's again."""
    x, weights = roots_jacobi(6, a, b)
    weights /= weights.sum()
    mean = weights @ x
    rules, _ = radau(weighted(x - mean, weights), np.array([-1.0, 1.0]) - mean)
    for nodes, expected in zip(
        rules.values + mean,
        [np.append(-1, roots_jacobi(2, a, b + 1)[0]), np.append(roots_jacobi(2, a + 1, b)[0], 1)],
        strict=True,
    ):
        np.testing.assert_allclose(nodes, expected, atol=1e-12)  # numbers of size one to ten


@properties(60)
@given(seeds, st.sampled_from([5, 12, 50]))
def test_rules_are_those_of_a_hankel_and_a_vandermonde_system(seed, n):
    values, weights = random_measure(seed, n, 1.0, 1.0)
    rules, _ = radau(weighted(values, weights), ends_of(values))
    for end, nodes, masses in zip(ends_of(values), rules.values, rules.weights, strict=True):
        turned = weights * np.abs(end - values)
        m = np.array([turned @ values**k for k in range(4)])
        low, high = np.linalg.solve([[m[0], m[1]], [m[1], m[2]]], -m[2:])
        expected = np.sort(np.append(np.roots([1, high, low]), end))
        powers = np.vander(expected, 3, increasing=True).T
        # both systems are conditioned better than 1e4
        np.testing.assert_allclose(nodes, expected, atol=1e-9 * np.ptp(values))
        np.testing.assert_allclose(
            masses, np.linalg.solve(powers, [1, 0, weights @ values**2]), atol=1e-9
        )


@pytest.mark.parametrize("q", [0.5, 0.3, 1e-3, 1e-12, 1e-100])
@pytest.mark.parametrize("copies", [1, 7])
def test_a_measure_on_two_values_is_left_out(q, copies):
    values = np.repeat([-q, 1 - q], copies)
    measure = weighted(values, np.repeat([1 - q, q], copies) / copies)
    rules, sound = radau(measure, ends_of(values))
    assert not sound.any()
    assert rules.values.shape == (0, 3)
    certified = self_concordance.brackets(measure, single(0.1), ROUNDING)
    np.testing.assert_array_equal(brackets(measure, single(0.1)), certified)


# --- the bracket ----------------------------------------------------------------------------------


def require_guaranteed(values, weights, epsilon):
    """The exact divergence crosses `ε` within the bracket, and the library's boundary lies inside."""
    measure = weighted(values, weights)
    bracket, boundary = (
        brackets(measure, single(epsilon))[..., 0],
        boundaries(measure, single(epsilon))[:, 0],
    )
    for sign, (inner, outer), distance in zip((-1, 1), bracket, boundary, strict=True):
        assert 0 < inner <= distance <= outer < np.inf
        # a relative ROUNDING of the radius is reserved for rounding, so none is needed here
        assert exact_kl(values, weights, sign * inner) < epsilon
        assert exact_kl(values, weights, sign * outer) > epsilon


@properties(60)
@given(seeds, sizes, certainties, scales, epsilons)
def test_the_bracket_holds_the_boundary(seed, n, certainty, scale, epsilon):
    require_guaranteed(*random_measure(seed, n, certainty, scale), epsilon)


@properties(40)
@given(seeds, sizes, scales, epsilons)
def test_the_bracket_holds_the_boundary_where_tokens_are_as_rare_as_1e_300(seed, n, scale, epsilon):
    require_guaranteed(*measure_of_rare_tokens(seed, n, scale), epsilon)


@pytest.mark.parametrize(
    ("gap", "weight", "far", "epsilon"),
    [
        (1.5e-6, 3.5e-10, 2.8e-13, 0.034),
        (1.9e-6, 7.2e-17, 8.6e-20, 1e-3),
        (5e-8, 1.3e-10, 5e-17, 0.65),
        (1e-9, 1.2e-6, 6e-18, 3.0),
    ],
)
@pytest.mark.parametrize("side", [-1, 1])
def test_the_bracket_holds_the_boundary_where_a_rare_far_token_hides_a_near_tie(
    gap, weight, far, epsilon, side
):
    """The slope's variance is that of the far token, the near one's a millionth of it or less."""
    weights = np.array([1 - weight - far, weight, far])
    values = side * np.array([0, gap, -1.0])
    require_guaranteed(values - weights @ values, weights, epsilon)


@properties(40)
@given(seeds, sizes, certainties, scales, st.booleans())
def test_the_bracket_is_never_wider_than_that_of_self_concordance(seed, n, certainty, scale, rare):
    measure = weighted(
        *(
            measure_of_rare_tokens(seed, n, scale)
            if rare
            else random_measure(seed, n, certainty, scale)
        )
    )
    levels = np.geomspace(1e-4, 3, 5)
    certified = self_concordance.brackets(measure, levels, ROUNDING)
    for (inner, outer), wide in zip(brackets(measure, levels), certified, strict=True):
        assert (inner >= wide[0]).all()
        assert (outer <= wide[1]).all()


@properties(30)
@given(seeds, st.sampled_from([3, 12]), st.floats(0, 8), epsilons)
def test_a_mirrored_measure_swaps_the_sides(seed, n, certainty, epsilon):
    values, weights = random_measure(seed, n, certainty, 1.0)
    one_way, other = (brackets(weighted(s * values, weights), single(epsilon)) for s in (1, -1))
    # the two nodes change places in every formula, and round anew
    np.testing.assert_allclose(other[::-1], one_way, rtol=1e-9)


@properties(30)
@given(seeds, st.sampled_from([3, 12]), st.floats(0, 8), scales, epsilons)
def test_steeper_slopes_bring_the_bracket_nearer_by_their_factor(seed, n, certainty, s, epsilon):
    values, weights = random_measure(seed, n, certainty, 1.0)
    near, far = (brackets(weighted(k * values, weights), single(epsilon)) for k in (s, 1.0))
    np.testing.assert_allclose(near, far / s, rtol=1e-9)  # all is rounded anew


@pytest.mark.parametrize("seed", range(10))
def test_the_bracket_of_a_measure_of_three_atoms_is_its_boundary(seed):
    measure, levels = weighted(*random_measure(seed, 3, 1.5, 1.0)), np.geomspace(1e-4, 3, 6)
    inner, outer = brackets(measure, levels).swapaxes(0, 1)
    distances = boundaries(measure, levels)
    # the rules are the measure to eleven digits, and keep ACCURACY in reserve
    np.testing.assert_allclose(inner, distances * (1 - ROUNDING), rtol=1.1 * ACCURACY)
    np.testing.assert_allclose(outer, distances * (1 + ROUNDING), rtol=1.1 * ACCURACY)


@pytest.mark.parametrize("seed", range(5))
def test_the_bracket_closes_as_the_cube_of_the_radius(seed):
    """KL is known to its fourth order, and the fifth is in doubt; by self-concordance, the third."""
    values, weights = random_measure(seed, 12, 1.0, 1.0)
    levels = 0.5 * (weights @ values**2) * (np.array([0.02, 0.01]) / np.ptp(values)) ** 2
    inner, outer = brackets(weighted(values, weights), levels).swapaxes(0, 1)
    reserve = ROUNDING + ACCURACY + SOLVED
    width = outer / inner * (1 - reserve) / (1 + reserve) - 1
    assert (width < 0.02**3).all()
    # the next term is smaller by about the radius times the span; boundaries are right to 1e-12
    np.testing.assert_allclose(width[:, 0] / width[:, 1], 8, rtol=0.05)


def test_several_epsilons_have_the_brackets_of_each_alone():
    measure, levels = weighted(*random_measure(0, 12, 2.0, 1.0)), np.array([1.0, 1e-3, 0.1])
    together = brackets(measure, levels)
    assert together.shape == (2, 2, 3)
    for i, epsilon in enumerate(levels):
        # a shared search for roots stops when the last is together
        np.testing.assert_allclose(
            together[..., i], brackets(measure, single(epsilon))[..., 0], rtol=1e-10
        )


# --- what the guarantee rests on: no measure with these moments does worse ------------------------


def extreme_kl(values, weights, t, sign):
    """The least (+1) or greatest (−1) `log E[e^{ta}]` of measures on a grid with four given moments.

    On 600 points from end to end, and the measure's own, so that there is such a measure.
    """
    grid = np.append(np.linspace(values.min(), values.max(), 600), values)
    unit = np.abs(values).max()
    scaled = np.vander(grid / unit, 5, increasing=True).T
    given_moments = np.vander(values / unit, 5, increasing=True).T @ weights
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    solution = linprog(
        sign * np.exp(t * grid), A_eq=scaled, b_eq=given_moments, method="highs", options=tight
    )
    assert solution.success
    return np.log(sign * solution.fun)


@pytest.mark.parametrize("epsilon", [0.03, 1.0])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", [0, 1])
def test_no_measure_with_the_same_moments_and_ends_leaves_the_bracket_and_one_reaches_it(
    seed, epsilon, side
):
    values, weights = random_measure(seed, 12, 1.0, 1.0)
    inner, outer = brackets(weighted(values, weights), single(epsilon))[side, :, 0]
    inner, outer = inner / (1 - ROUNDING - ACCURACY), outer / (1 + ROUNDING + ACCURACY)
    sign = (-1, 1)[side]
    most = extreme_kl(values, weights, sign * inner, -1)
    least = extreme_kl(values, weights, sign * outer, 1)
    # the programme keeps moments to 1e-10 each, E to 1e-8 (its multipliers' sum is below 100)
    assert most <= epsilon + 1e-7
    assert least >= epsilon - 1e-7
    # and its grid misses the nodes by 1/1200 of the span, which costs the square of that or less
    assert most == pytest.approx(epsilon, rel=1e-5)
    assert least == pytest.approx(epsilon, rel=1e-5)


# --- rays -----------------------------------------------------------------------------------------

EPSILONS = np.array([1e-3, 0.01, 0.1, 1.0])


@pytest.mark.parametrize(
    "state",
    [
        random_state(1, V=60, gain=3, bias=True, scale=0.7),
        nearly_one_hot(),
        uniform_state(6),
        binary_state(0.05),
    ],
    ids=["random", "nearly one-hot", "uniform", "binary"],
)
def test_the_moment_brackets_of_a_ray_hold_its_boundaries_and_lie_in_its_certificates(state):
    for seed in range(5):
        line = ray(state, random_direction(state, seed))
        narrow, wide = line.moment_brackets(EPSILONS), line.certificates(EPSILONS)
        assert narrow.shape == (2, 2, 4)
        inner, outer = narrow.swapaxes(0, 1)
        assert (wide[:, 0] <= inner).all()
        # MERGE_TOLERANCE of the boundary is a tenth of ROUNDING
        assert (inner <= line.boundaries(EPSILONS)).all()
        assert (line.boundaries(EPSILONS) <= outer).all()
        assert (outer <= wide[:, 1]).all()


def test_four_moments_know_more_than_self_concordance():
    line = ray(random_state(1, V=60), random_direction(random_state(1, V=60)))
    factor, wide = (
        (ends[:, 1] / ends[:, 0]).max()
        for ends in (line.moment_brackets(single(0.1)), line.certificates(single(0.1)))
    )
    # t·span is about 2 here: widths are of the order (t·span)³/240 against t·span/3
    assert factor < 1.05
    assert wide > 1.3


@properties(20)
@given(seeds, st.floats(5, 300), epsilons, st.sampled_from(["random", "top", "away"]))
def test_moment_brackets_hold_where_the_prediction_is_almost_certain(seed, gap, epsilon, towards):
    """Down to 1 − p = 1e-130, with lengths up to 1e130 where only the top token gains."""
    state = nearly_one_hot(seed, gap=gap)
    row = state.readout.W_U[0].numpy()
    direction = {"random": random_direction(state, seed), "top": row, "away": -row}[towards]
    line = ray(state, direction)
    bracket, boundary = line.moment_brackets(single(epsilon))[..., 0], line.boundary(epsilon)
    for (inner, outer), distance in zip(bracket, boundary, strict=True):
        assert inner <= distance <= outer


def test_a_flat_direction_has_infinite_moment_brackets():
    flat = ray(make_state(np.array([[1.0, 0], [-1, 0], [0.5, 0]])), np.array([0.0, 1]))
    np.testing.assert_array_equal(flat.moment_brackets(EPSILONS), np.full((2, 2, 4), np.inf))


@pytest.mark.parametrize(
    "state",
    [random_state(gain=3.0, softcap=4.0), nonlinear_state(gain=2.0)],
    ids=["capped", "below a layer"],
)
def test_where_logits_are_nonlinear_four_moments_tell_nothing(state):
    assert ray(state, random_direction(state)).moment_brackets(EPSILONS) is None


@pytest.mark.parametrize("epsilon", [0.0, -0.1, np.nan, np.inf])
@pytest.mark.parametrize(
    "state", [random_state(), nonlinear_state()], ids=["straight", "nonlinear"]
)
def test_every_epsilon_must_be_a_positive_number_of_nats(state, epsilon):
    line = ray(state, random_direction(state))
    with pytest.raises(StabilityError, match=f"positive number of nats; received {epsilon}: t"):
        line.moment_brackets(np.array([0.1, epsilon]))


# --- the guess ------------------------------------------------------------------------------------


def test_the_guess_is_the_geometric_mean_of_a_bracket():
    assert bracket_centre(2.0, 8.0) == 4
    np.testing.assert_allclose(
        bracket_centre(np.array([1.0, 3]), np.array([9.0, 3])), [3, 3], rtol=1e-15
    )


def test_the_guess_is_right_to_the_cube_of_the_radius():
    measure = weighted(*random_measure(2, 12, 1.0, 1.0))
    inner, outer = brackets(measure, EPSILONS).swapaxes(0, 1)
    error = np.abs(bracket_centre(inner, outer) / boundaries(measure, EPSILONS) - 1)
    # at most half of what the bracket, less its ROUNDING, leaves open
    open_ = np.log(outer / inner) - 2 * (ROUNDING + ACCURACY)
    assert (error <= 0.51 * open_ + ROUNDING**2).all()
    assert (error[:, 0] < 1e-5).all()
