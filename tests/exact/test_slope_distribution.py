"""KL along a ray as the cumulant generating function of a one-dimensional distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit, log_softmax, logsumexp, softmax
from support.states import exact_kl, log_mean_exp, properties, random_measure
from torch import from_numpy
from torch.distributions import Categorical, kl_divergence

from stability.exact.discrete_measure import DiscreteMeasure, weighted
from stability.exact.gauss_rules import BINS
from stability.exact.slope_distribution import MERGE_TOLERANCE, SlopeDistribution, boundaries
from stability.exact.token_measure import TokenMeasure

seeds = st.integers(0, 10**6)
certainties = st.floats(0, 25)  # standard deviation of the logits: from uniform to 1 − p = 1e-40
scales = st.floats(-6, 6).map(lambda x: 10**x)

Q, GAP = 0.3, 2.0  # the binary distribution: a = −Q·GAP with probability 1 − Q, else (1 − Q)·GAP


@pytest.fixture
def binary():
    return weighted(np.array([-Q * GAP, (1 - Q) * GAP]), np.array([1 - Q, Q]))


def ray_lengths(values, weights, n=41):
    """Distances on both sides, from a thousandth of the closed form's radius of one nat to ten."""
    radius = np.sqrt(2 / (weights @ values**2))
    t = radius * np.geomspace(1e-3, 10, n)
    return np.concatenate([-t[::-1], t])


# --- the divergence -------------------------------------------------------------------------------


def test_binary_kl_and_slope_have_their_closed_form(binary):
    t = np.linspace(-8, 8, 33)
    kl, slope = binary.kl_and_slope(t)
    log_odds = np.log(Q / (1 - Q)) + GAP * t
    # log(1 − q + q e^{gt}) − q g t; both sides are a few roundings of numbers up to 16
    np.testing.assert_allclose(kl, np.log(1 - Q + Q * np.exp(GAP * t)) - Q * GAP * t, atol=1e-14)
    np.testing.assert_allclose(slope, GAP * (expit(log_odds) - Q), atol=1e-14)


def test_uniform_kl_along_one_of_n_equal_tokens_has_its_closed_form():
    n, t = 5, np.linspace(-3, 3, 13)
    values = np.eye(n)[0] - 1 / n
    kl = weighted(values, np.full(n, 1 / n)).kl_and_slope(t)[0]
    np.testing.assert_allclose(kl, np.log((np.exp(t) + n - 1) / n) - t / n, atol=1e-14)


def test_kl_equals_torch_distributions():
    draw = np.random.default_rng(0)
    logits, slopes, t = (
        2 * draw.standard_normal(30),
        draw.standard_normal(30),
        np.linspace(-4, 4, 9),
    )
    p = softmax(logits)
    expected = kl_divergence(
        Categorical(logits=from_numpy(logits)),
        Categorical(logits=from_numpy(logits + t[:, None] * slopes)),
    )
    kl = weighted(slopes - p @ slopes, p).kl_and_slope(t)[0]
    np.testing.assert_allclose(kl, expected.numpy(), rtol=1e-12, atol=1e-14)


@properties(80)
@given(seeds, certainties, scales)
def test_kl_keeps_its_digits_however_small_it_is(seed, certainty, scale):
    values, weights = random_measure(seed, 12, certainty, scale)
    for t in ray_lengths(values, weights, n=3) * 1e-3:
        kl = weighted(values, weights).kl_and_slope(np.array([t]))[0][0]
        # weights and values carry a relative 1e-16 each, `e^x − 1 − x` 2e-13, from sixty digits
        assert kl == pytest.approx(exact_kl(values, weights, t), rel=1e-12, abs=0)


@pytest.mark.parametrize("t", [1e-12, -1e-9, 1e-6, -1e-5])
def test_kl_at_tiny_t_is_its_series(binary, t):
    k2, k3, _ = TokenMeasure.of(binary).cumulants()
    series = k2 * t**2 / 2 * (1 + k3 * t / (3 * k2))
    # the next term is smaller by κ₄t²/(12κ₂) < 1e-10
    assert binary.kl_and_slope(np.array([t]))[0][0] == pytest.approx(series, rel=1e-10, abs=0)


@pytest.mark.parametrize("far", [699.0, 701.0, 1e3, 1e6, 1e12])
@pytest.mark.parametrize("side", [-1, 1])
def test_kl_beyond_the_range_of_exp_equals_logsumexp(far, side):
    values, weights = random_measure(3, 20, 3.0, 1.0)
    t = side * far / np.abs(values).max()
    kl, slope = weighted(values, weights).kl_and_slope(np.array([t]))
    # the exponents are numbers of size `far`, so both lose `far` roundings, relative to KL none
    assert kl[0] == pytest.approx(log_mean_exp(values, weights, t), rel=1e-12)
    assert slope[0] == pytest.approx(softmax(np.log(weights) + t * values) @ values, rel=1e-12)


def test_kl_beyond_the_range_of_exp_ignores_a_token_that_has_no_probability():
    values, weights = np.array([-0.5, 0.5, 3.0]), np.array([0.5, 0.5, 0.0])
    kl, slope = weighted(values, weights).kl_and_slope(np.array([400.0, -400.0]))
    np.testing.assert_allclose(kl, 200 - np.log(2), rtol=1e-14)  # log cosh(200)
    np.testing.assert_allclose(slope, [0.5, -0.5], rtol=1e-14)


def test_kl_is_zero_at_the_start(binary):
    kl, slope = binary.kl_and_slope(np.zeros(1))
    assert kl[0] == 0
    assert slope[0] == 0


@properties(80)
@given(seeds, certainties, scales)
def test_kl_is_convex_and_grows_with_distance_on_each_side(seed, certainty, scale):
    values, weights = random_measure(seed, 15, certainty, scale)
    t = ray_lengths(values, weights)
    kl, slope = weighted(values, weights).kl_and_slope(t)
    assert (kl >= 0).all()
    assert (slope * t >= 0).all()
    # rounding: 2e-13 of KL and of its slope, from `e^x − 1 − x`
    rises = np.diff(kl) * np.sign(t[1:] + t[:-1])
    assert (rises >= -1e-12 * kl.max())[np.sign(t[1:]) == np.sign(t[:-1])].all()
    assert (np.diff(slope) >= -1e-12 * np.abs(slope).max()).all()


@properties(60)
@given(seeds, certainties, scales)
def test_slope_is_the_mean_under_the_perturbed_distribution(seed, certainty, scale):
    values, weights = random_measure(seed, 15, certainty, scale)
    t = ray_lengths(values, weights, n=5)
    slope = weighted(values, weights).kl_and_slope(t)[1]
    expected = [softmax(np.log(weights) + s * values) @ values for s in t]
    # the expected mean cancels to a few roundings of the largest slope
    np.testing.assert_allclose(slope, expected, rtol=1e-11, atol=1e-14 * np.abs(values).max())


# --- cumulants ------------------------------------------------------------------------------------


def test_cumulants_of_a_binary_distribution_have_their_closed_form(binary):
    variance = Q * (1 - Q)
    expected = [
        variance * GAP**2,
        variance * (1 - 2 * Q) * GAP**3,
        variance * (1 - 6 * variance) * GAP**4,
    ]
    # sums of two products
    np.testing.assert_allclose(TokenMeasure.of(binary).cumulants(), expected, rtol=1e-14)


def test_cumulants_are_the_derivatives_of_kl_at_the_start():
    values, weights = random_measure(1, 20, 1.0, 1.0)
    k2, k3, k4 = TokenMeasure.of(weighted(values, weights)).cumulants()
    h = 0.02 * np.arange(-4, 5)
    coefficients = np.polynomial.Polynomial.fit(
        h, [exact_kl(values, weights, t) for t in h], 8, domain=[-0.08, 0.08], window=[-1, 1]
    ).convert()
    # the interpolant leaves out terms of degree 9: h⁵ of the fourth derivative, and less of others
    second, third, fourth = coefficients.coef[2:5] * [2, 6, 24]
    np.testing.assert_allclose([second, third], [k2, k3], rtol=1e-6)
    assert fourth == pytest.approx(k4, rel=1e-3)


# --- the merged distribution ----------------------------------------------------------------------


def test_merging_keeps_mass_mean_variance_and_third_moment():
    values, weights = random_measure(0, 4000, 2.0, 1.0)
    exact_moments = [(weights * values**order).sum() for order in (2, 3)]
    merged = SlopeDistribution.of(weighted(values, weights)).merged
    assert merged.values.shape == (2 * BINS,)
    assert (merged.weights >= 0).all()
    # sums of 4,000 terms of size one, each with a rounding of 1e-16
    for order, expected in enumerate([1, 0, *exact_moments]):
        moment = (merged.weights * merged.values**order).sum()
        assert moment == pytest.approx(expected, abs=1e-12)


def test_a_merged_interval_keeps_the_nodes_of_its_gauss_rule():
    """Three tokens in one interval, far from a fourth: nodes are roots of their own quadratic."""
    inside, p = np.array([0.0, 1.0, 3.0]), np.array([0.2, 0.5, 0.3])
    far = 1e4
    values, weights = np.append(inside, far), np.append(0.9 * p, 0.1)
    merged = SlopeDistribution.of(weighted(values - weights @ values, weights)).merged
    first = np.isin(np.arange(2 * BINS), [0, BINS])  # both nodes of the first interval
    nodes, masses = merged.values[first] + weights @ values, merged.weights[first]
    # moments 0 to 3 of the three tokens; rounding of numbers of size 1e3 (the mean), cubed at most 27
    for order in range(4):
        assert masses @ nodes**order == pytest.approx(0.9 * (p @ inside**order), rel=1e-10)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_tiny_mass_beside_a_large_one_in_an_interval_is_kept(side):
    values, weights = np.array([0.0, side * 1.0, 1e3]), np.array([1.0, 1e-19, 1e-40])
    merged = SlopeDistribution.of(weighted(values, weights)).merged
    beside = np.abs(merged.values - side) < 1e-6
    assert merged.weights[beside].sum() == pytest.approx(1e-19, rel=1e-9)


@properties(60)
@given(seeds, st.sampled_from([5, 300, 3000]), certainties, scales)
def test_merged_kl_is_below_the_exact_one_by_no_more_than_the_bound(seed, n, certainty, scale):
    slopes = SlopeDistribution.of(weighted(*random_measure(seed, n, certainty, scale)))
    t = ray_lengths(slopes.tokens.values, slopes.tokens.weights)
    exact, merged = slopes.tokens.kl_and_slope(t)[0], slopes.merged.kl_and_slope(t)[0]
    # nodes lie within 1e-16 of the largest slope from where they should, KL within 1e-12
    rounding = 1e-12 * exact + 1e-15 * np.abs(t) * np.abs(slopes.tokens.values).max()
    assert (exact - merged >= -rounding).all()
    assert (exact - merged <= slopes.merge_error(t, merged) + rounding).all()


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_bound_of_the_merge_error_is_tight_where_intervals_are_short(sign):
    slopes = SlopeDistribution.of(weighted(*random_measure(0, 4000, 1.0, 1.0)))
    t = sign * np.array(
        [0.1 * BINS / np.ptp(slopes.tokens.values)]
    )  # intervals of a tenth of a nat
    exact, merged = slopes.tokens.kl_and_slope(t)[0], slopes.merged.kl_and_slope(t)[0]
    error = exact - merged
    # the slope is taken at the steeper edge instead of somewhere inside: e^0.1
    assert error < slopes.merge_error(t, merged) < 1.15 * error


def test_the_bound_of_the_merge_error_is_nearly_zero_for_two_values_an_interval_and_never_nan():
    values = np.repeat(np.arange(5.0), 2) + np.tile([0.0, 1e-3], 5)
    slopes = SlopeDistribution.of(weighted(values - values.mean(), np.full(10, 0.1)))
    t = np.array([0.0, 3.0, -1e3, 1e9])
    bound = slopes.merge_error(t, slopes.merged.kl_and_slope(t)[0])
    assert bound[0] == 0
    # 1e-12 of fourth powers of half a thousandth, and nodes rounded to 1e-15 of two
    assert (bound[1:3] < 1e-12 * 1e3**4 * 1e-3**4 + 1e3 * 2e-15).all()
    assert not np.isnan(bound).any()


@properties(40)
@given(seeds, certainties, scales)
def test_kl_of_a_distribution_is_exact_to_the_merge_tolerance_near_and_far(seed, certainty, scale):
    slopes = SlopeDistribution.of(weighted(*random_measure(seed, 200, certainty, scale)))
    t = np.concatenate([ray_lengths(slopes.tokens.values, slopes.tokens.weights), [0.0, 5e3, -5e3]])
    np.testing.assert_allclose(
        slopes.kl(t), slopes.tokens.kl_and_slope(t)[0], rtol=2 * MERGE_TOLERANCE
    )


def test_a_distribution_uses_all_tokens_where_the_merged_answer_is_too_rough():
    slopes = SlopeDistribution.of(weighted(np.linspace(-1, 1, 4001), np.full(4001, 1 / 4001)))
    t = np.array([5000.0])
    exact, merged = slopes.tokens.kl_and_slope(t)[0], slopes.merged.kl_and_slope(t)[0]
    # the last node lies about a fifth of an interval before the last token: 1/1280 of KL
    assert (exact - merged)[0] > 10 * MERGE_TOLERANCE * exact[0]
    assert slopes.kl(t) == exact


def test_a_distribution_on_one_value_merges_to_itself():
    merged = SlopeDistribution.of(weighted(np.zeros(7), np.full(7, 1 / 7))).merged
    kl = merged.kl_and_slope(np.array([-2.0, 0.0, 2.0]))[0]
    np.testing.assert_allclose(
        kl, 0, atol=1e-15
    )  # seven weights of 1/7 sum to one but for rounding


# --- boundaries -----------------------------------------------------------------------------------


@properties(80)
@given(seeds, certainties, scales, st.floats(-4, 0.5).map(lambda x: 10**x))
def test_the_divergence_at_a_boundary_is_epsilon(seed, certainty, scale, epsilon):
    values, weights = random_measure(seed, 15, certainty, scale)
    distances = SlopeDistribution.of(weighted(values, weights)).boundaries(np.array([epsilon]))[
        :, 0
    ]
    for sign, distance in zip([-1, 1], distances, strict=True):
        # the merged distribution may be off by a relative MERGE_TOLERANCE
        kl = exact_kl(values, weights, sign * distance)
        assert kl == pytest.approx(epsilon, rel=2 * MERGE_TOLERANCE)


def test_boundaries_equal_those_of_another_root_finder(binary):
    epsilon = np.array([1e-6, 1e-3, 0.1, 2.0])
    distances = boundaries(binary, epsilon)

    def excess(t, nats):
        return np.log(1 - Q + Q * np.exp(GAP * t)) - Q * GAP * t - nats

    for column, nats in enumerate(epsilon):
        minus = -brentq(excess, -50, -1e-9, args=(nats,), xtol=1e-14, rtol=1e-14)
        plus = brentq(excess, 1e-9, 50, args=(nats,), xtol=1e-14, rtol=1e-14)
        # the oracle's own KL carries an absolute 2e-16: 1e-10 of the smallest epsilon
        np.testing.assert_allclose(distances[:, column], [minus, plus], rtol=1e-10)


def test_boundaries_ask_all_tokens_where_a_far_token_puts_the_others_in_one_interval():
    bulk = np.linspace(-1, 1, 30)
    values, weights = np.append(bulk, -3000.0), np.append(np.full(30, 1 / 30), 1e-13)
    weights /= weights.sum()
    slopes, epsilon = (
        SlopeDistribution.of(weighted(values - weights @ values, weights)),
        np.array([0.1]),
    )
    rough, sharpened = boundaries(slopes.merged, epsilon)[1, 0], slopes.boundaries(epsilon)[1, 0]
    # two atoms have too small a fourth moment for a uniform distribution
    assert abs(exact_kl(values, weights, rough) / 0.1 - 1) > 1e-3
    # Newton stops at 1e-12; the curve's own digits are 2e-13
    assert exact_kl(values, weights, sharpened) == pytest.approx(0.1, rel=1e-11)


def test_distributions_in_a_batch_are_as_each_alone():
    """With weights that are shared, as in a plane, or each with its own."""
    draw = np.random.default_rng(0)
    weights = softmax(3 * draw.standard_normal(50))
    values = draw.standard_normal((3, 50)) * np.array([[1.0], [30.0], [1e-3]])
    values -= (values @ weights)[:, None]
    t, epsilon = np.array([-900.0, 0.1, 40.0]), np.array([0.01, 1.0])
    for batch in (
        SlopeDistribution.of(weighted(values, weights)),
        SlopeDistribution.of(weighted(values, np.tile(weights, (3, 1)))),
    ):
        kl, distances = batch.kl(np.tile(t, (3, 1))), batch.boundaries(epsilon)
        cumulants = batch.slopes.cumulants()
        for i in range(3):
            alone = SlopeDistribution.of(weighted(values[i], weights))
            # one sum may be made in another order
            np.testing.assert_allclose(kl[i], alone.kl(t), rtol=1e-12)
            np.testing.assert_allclose(distances[i], alone.boundaries(epsilon), rtol=1e-10)
            np.testing.assert_allclose(cumulants[i], alone.slopes.cumulants(), rtol=1e-10)


def test_log_probabilities_perturbed_along_a_ray_have_kl_as_their_normaliser():
    """`log p_t = log p + t·a_c − KL(t)`: the identity that the whole module rests on."""
    values, weights = random_measure(5, 30, 2.0, 1.0)
    t = 1.7
    kl = weighted(values, weights).kl_and_slope(np.array([t]))[0][0]
    moved = log_softmax(np.log(weights) + t * values)
    np.testing.assert_allclose(np.log(weights) + t * values - kl, moved, atol=1e-13)


# --- weights that underflow -----------------------------------------------------------------------


def log_kl(values, log_weights, t):
    """`log E[exp(t·a)]` in logs throughout, by scipy."""
    return float(logsumexp(t * values + log_weights))


@pytest.mark.parametrize("gap", [600.0, 746.0, 2000.0, 1e5])
def test_a_token_whose_probability_underflows_still_bounds_the_region(gap):
    """Two tokens `gap` nats apart: KL(t) = log(1 + e^{t − gap}), but for terms that underflow."""
    values, log_weights = np.array([0.0, 1.0]), np.array([0.0, -gap])
    slopes, epsilon = (
        SlopeDistribution.of(DiscreteMeasure(values, np.exp(log_weights), log_weights)),
        np.array([0.01, 1.0]),
    )
    minus, plus = slopes.boundaries(epsilon)
    # where t = gap + log(e^ε − 1)
    np.testing.assert_allclose(plus, gap + np.log(np.expm1(epsilon)), rtol=1e-9)
    assert np.isinf(minus).all()  # no token gains there
    t = gap + np.array([-5.0, 0.0, 50.0])
    np.testing.assert_allclose(slopes.kl(t), [log_kl(values, log_weights, s) for s in t], rtol=1e-9)


@properties(40)
@given(seeds, st.floats(20, 400), scales)
def test_boundaries_of_logits_far_apart_are_those_of_sums_in_logs(seed, spread, scale):
    draw = np.random.default_rng(seed)
    logits = spread * draw.standard_normal(12)
    log_weights, values = log_softmax(logits), scale * draw.standard_normal(12)
    values -= values[logits.argmax()]
    values -= np.exp(log_weights) @ values
    distances = SlopeDistribution.of(
        DiscreteMeasure(values, np.exp(log_weights), log_weights)
    ).boundaries(np.array([0.5]))
    for sign, distance in zip((-1, 1), distances[:, 0], strict=True):
        if np.isfinite(distance):
            # Newton stops at 1e-12 of the distance, over which KL changes by some thousands of nats
            assert log_kl(values, log_weights, sign * distance) == pytest.approx(0.5, rel=1e-6)
        else:
            assert (sign * values <= 0).all()


def test_a_weight_of_zero_is_no_token():
    epsilon = np.array([0.1])
    values, weights = np.array([-0.5, 0.5, 40.0]), np.array([0.5, 0.5, 0.0])
    with_it, without = (
        SlopeDistribution.of(weighted(values[:n], weights[:n])).boundaries(epsilon) for n in (3, 2)
    )
    np.testing.assert_allclose(with_it, without, rtol=1e-9)
