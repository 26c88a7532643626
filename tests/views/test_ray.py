"""How much of a ray is drawn, and that it is the library's numbers."""

import numpy as np
import pytest
from hypothesis import given
from scipy.special import softmax
from support.states import (
    binary_state,
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

from stability.exact.slope_distribution import MERGE_TOLERANCE
from stability.geometry.ray import ray
from stability.units import Unit
from stability.views.ray import LEADING_TOKENS, ray_view

EPSILONS = [1e-3, 3.0]


@pytest.fixture(scope="module", params=STATES)
def line(request):
    state = STATES[request.param]
    return ray(state, random_direction(state))


@pytest.fixture(scope="module", params=EPSILONS)
def curve(line, request):
    return ray_view(line, "a direction", request.param)


def true_logits(line, t):
    """The logits along a ray from the definition, a row for each `t`."""
    return perturbed_logits(line.state, np.asarray(t)[:, None] * line.direction.numpy()).numpy()


# --- curves ---------------------------------------------------------------------------------------


def test_a_ray_is_drawn_from_its_own_numbers(line, curve):
    assert curve.label == "a direction"
    assert curve.epsilon in EPSILONS
    np.testing.assert_array_equal(curve.kl, line.kl(curve.t))
    np.testing.assert_array_equal(curve.quadratic, line.quadratic(curve.t))
    assert curve.predicted == line.predicted_radius(curve.epsilon)
    assert curve.boundary == line.boundary(curve.epsilon)
    assert curve.certificate == line.certificate(curve.epsilon)
    assert curve.flips == line.flips(limit=1000)


@properties(12)
@given(seeds, gains, log_epsilons)
def test_the_curve_is_the_divergence_of_the_perturbed_logits(seed, gain, log_epsilon):
    line = ray(random_state(seed, gain=gain), random_direction(random_state(seed), seed))
    view = ray_view(line, "", 10**log_epsilon)
    truth = far_kl(line.state, view.t[:, None] * line.direction.numpy()).numpy()
    # the merged distribution's tolerance; the oracle rounds logits up to 100
    np.testing.assert_allclose(view.kl, truth, rtol=2 * MERGE_TOLERANCE, atol=1e-12)


def test_all_that_matters_lies_inside_the_drawn_range(line, curve):
    assert (np.diff(curve.t) > 0).all()
    for end, boundary, flips in zip(curve.t[[0, -1]], curve.boundary, curve.flips, strict=True):
        furthest = max(curve.predicted, boundary)
        assert abs(end) >= 1.3 * furthest
        if flips and flips[0].distance < 2.5 * furthest:
            assert abs(end) > 1.1 * flips[0].distance
        elif not flips or flips[0].distance > 3 * furthest:
            assert abs(end) < 1.4 * furthest


@pytest.mark.parametrize(("epsilon", "seen"), [(0.002, 0), (0.019, 1), (0.1, 1)])
def test_a_first_flip_not_far_beyond_is_drawn(epsilon, seen):
    """Token 1 takes over at log(7/3)/2: here six times as far as the boundary, twice, and nearer."""
    view = ray_view(ray(binary_state(0.3), np.ones(1)), "", epsilon)
    assert len(view.flips_in_view) == seen
    assert (view.t[-1] > np.log(7 / 3) / 2) == seen


def test_curves_pass_through_the_marks_drawn_on_them(line, curve):
    minus, plus = curve.boundary
    boundaries, radii = [-minus, plus], [-curve.predicted, curve.predicted]
    # a straight line between samples: exact if they hold the mark; 1e-5 is the boundary's own error
    np.testing.assert_allclose(np.interp(boundaries, curve.t, curve.kl), curve.epsilon, rtol=2e-5)
    np.testing.assert_allclose(
        np.interp(radii, curve.t, curve.quadratic), curve.epsilon, rtol=1e-12
    )
    assert curve.kl[curve.t == 0] == 0


def test_straight_lines_between_samples_follow_the_curve(line, curve):
    """Up to both boundaries, also where the closed form is a hundred times too long."""
    t = np.linspace(-curve.boundary[0], curve.boundary[1], 999)
    # if it grows by e^20 on its way it bends, between two of 80 samples, by (20/80)²/8 of itself
    np.testing.assert_allclose(
        np.interp(t, curve.t, curve.kl), line.kl(t), atol=8e-3 * curve.epsilon
    )


def test_a_binary_vocabulary_in_one_dimension_is_drawn_to_its_closed_form():
    """`KL(t) = log(p e^{2t} + 1 − p) − 2pt`, and token 1 takes over at `log((1 − p)/p)/2`."""
    p = 0.3
    view = ray_view(ray(binary_state(p), np.ones(1)), "", 0.1)
    expected = np.log(p * np.exp(2 * view.t) + 1 - p) - 2 * p * view.t
    np.testing.assert_allclose(view.kl, expected, rtol=1e-9, atol=1e-15)
    (flip,) = view.flips_in_view
    assert flip.t == pytest.approx(np.log((1 - p) / p) / 2, rel=1e-12)
    assert flip.text == "<1>"


# --- the most likely token ------------------------------------------------------------------------


def check_partition(line, view):
    """Segments follow each other over the whole view, each the true winner's."""
    bounds = [view.segments[0].start, *(segment.stop for segment in view.segments)]
    assert bounds == [view.t[0], *(flip.t for flip in view.flips_in_view), view.t[-1]]
    assert bounds == sorted(bounds)
    assert [segment.start for segment in view.segments] == bounds[:-1]
    wide = [segment for segment in view.segments if segment.stop > segment.start]
    middles = np.array([(segment.start + segment.stop) / 2 for segment in wide])
    winners = true_logits(line, middles).argmax(axis=1).tolist()
    assert [token(segment.text) for segment in wide] == winners
    # walking outwards, the token that takes over at a flip is the next segment's
    for flip, before, after in zip(
        view.flips_in_view, view.segments, view.segments[1:], strict=False
    ):
        assert flip.text in (before.text, after.text)
        if flip.t:
            assert flip.text == (after if flip.t > 0 else before).text


@properties(12)
@given(seeds, gains, log_epsilons)
def test_every_segment_belongs_to_the_true_argmax(seed, gain, log_epsilon):
    state = random_state(seed, gain=gain, bias=True)
    line = ray(state, random_direction(state, seed))
    view = ray_view(line, "", 10**log_epsilon)
    check_partition(line, view)
    # and nobody else wins anywhere between
    bounds = [flip.t for flip in view.flips_in_view]
    owners = np.array([token(segment.text) for segment in view.segments])
    at_flip = np.isclose(view.t[:, None], bounds, rtol=1e-9).any(axis=1)
    leading = owners[np.searchsorted(bounds, view.t)]
    winners = true_logits(line, view.t).argmax(axis=1)
    np.testing.assert_array_equal(leading[~at_flip], winners[~at_flip])


def test_segments_are_right_for_every_kind_of_state(line, curve):
    check_partition(line, curve)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_a_tie_at_the_state_is_a_flip_at_zero(slope):
    """Tokens 0 and 1 are equally likely: each wins on the side on which it rises."""
    line = ray(with_logits(np.array([[slope], [-slope], [0.0]]), [0.0, 0.0, -9]), np.ones(1))
    view = ray_view(line, "", 0.1)
    assert [flip.t for flip in view.flips_in_view] == [0.0]
    left, right = ("<1>", "<0>") if slope > 0 else ("<0>", "<1>")
    assert [segment.text for segment in view.segments] == [left, right]


def test_many_flips_in_view_are_all_drawn():
    """Logits on a parabola: token i wins between (2i − 1)c and (2i + 1)c."""
    c, i = 0.02, np.arange(-40.0, 41)
    line = ray(with_logits(i[:, None], -c * i**2), np.ones(1))
    view = ray_view(line, "", 3.0)
    assert len(view.flips_in_view) > 20
    np.testing.assert_allclose(np.diff([flip.t for flip in view.flips_in_view]), 2 * c, rtol=1e-9)
    check_partition(line, view)


def test_a_line_without_flips_is_one_segment():
    line = ray(with_logits(np.array([[0.0], [0.0], [1.0]]), [0.0, -1, -2]), np.ones(1))
    view = ray_view(line, "", 1e-4)
    assert view.flips_in_view == []
    assert [segment.text for segment in view.segments] == ["<0>"]
    assert (view.segments[0].start, view.segments[0].stop) == (view.t[0], view.t[-1])


# --- shares ---------------------------------------------------------------------------------------


def test_shares_are_the_probabilities_of_the_tokens_named(line, curve):
    ids = [token(name) for name in curve.names]
    assert len(set(ids)) == len(ids) == min(LEADING_TOKENS, len(line.slopes))
    np.testing.assert_array_equal(curve.shares[:-1], line.probabilities(curve.t, np.array(ids)))
    truth = softmax(true_logits(line, curve.t), axis=1).T
    others = np.delete(truth, ids, axis=0).sum(axis=0)
    # a divergence is right to MERGE_TOLERANCE of itself, and stands in the exponent
    error = 2 * MERGE_TOLERANCE * curve.kl.max() + 1e-12
    np.testing.assert_allclose(curve.shares, [*truth[ids], others], atol=error)
    np.testing.assert_allclose(curve.shares.sum(axis=0), 1, atol=error)
    # from the likeliest at the state downwards
    assert (np.diff(line.state.probs[ids].numpy()) <= 0).all()


@properties(12)
@given(seeds, gains, log_epsilons)
def test_whoever_wins_in_view_is_named(seed, gain, log_epsilon):
    state = random_state(seed, gain=gain)
    view = ray_view(ray(state, random_direction(state, seed)), "", 10**log_epsilon)
    winners = {segment.text for segment in view.segments}
    assert winners <= set(view.names) or len(winners) > LEADING_TOKENS


def test_a_token_that_wins_only_midway_is_named():
    """Four tokens share the state, four others each end; one alone wins between, on the + side."""
    slopes = np.repeat([0.0, -20, 20, 8], [4, 4, 4, 1])
    line = ray(with_logits(slopes[:, None], [0.0] * 4 + [-12.0] * 8 + [-4.0]), np.ones(1))
    view = ray_view(line, "", 3.0)
    assert "<12>" in [segment.text for segment in view.segments]
    assert "<12>" in view.names


# --- nothing to see -------------------------------------------------------------------------------


def test_a_flat_direction_has_no_view():
    assert ray_view(ray(STATES["binary"], np.array([0.0, 1])), "", 0.1) is None


def test_a_certain_prediction_has_no_view():
    state = nearly_one_hot(gap=2000.0)
    assert ray_view(ray(state, random_direction(state)), "", 0.1) is None


# --- units ----------------------------------------------------------------------------------------


def test_a_view_in_another_unit_is_the_view_of_a_state_with_such_coordinates():
    """Vectors shorter by a factor and rows longer by it: the same logits, all lengths shorter."""
    unit = Unit("fourths", 0.25)
    state, scaled = in_coordinates_of(unit)
    direction = random_direction(state)
    view, expected = (ray_view(ray(s, direction), "a direction", 0.1) for s in (state, scaled))
    counted_alike(view.measured_in(unit), expected)
    assert view.measured_in(unit).unit == unit
