"""The margin for rounding that a certificate keeps, predictions beyond float64, and flat lines."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import properties, random_direction, random_state, with_logits

from stability.exact.line import ExactLine
from stability.geometry.ray import ray
from stability.prediction.readout import Readout


def in_double(state):
    """The same state, whose products are made in float64."""
    readout = Readout(state.readout.W_U.double(), state.readout.bias, state.readout.scale)
    return replace(state, readout=readout, vector=state.vector.double())


def confident(seed, d, doubt):
    """Random rows in float32, and a vector along a row at which others have a probability of `doubt`.

    Found by bisection of the vector's length.
    """
    state = random_state(seed, V=300, d=d, dtype=torch.float32)
    row = state.readout.W_U[0].double()
    low, high = 0.0, 1e3
    for _ in range(60):
        middle = (low + high) / 2
        p = (state.readout.W_U.double() @ (middle * row)).softmax(dim=0)
        low, high = (middle, high) if 1 - float(p.max()) > doubt else (low, middle)
    return replace(state, vector=(high * row).float())


def directions(state, seed):
    """A random one, and both ways between the two likeliest tokens."""
    first, second = (token.id for token, _ in state.most_likely(2))
    W_U = state.readout.W_U.double().numpy()
    return random_direction(state, seed), W_U[first] - W_U[second]


def require_covered(state, seed, epsilon):
    """What float32 does to the boundaries is less than the margin, and the margin is small."""
    for v in directions(state, seed):
        line, exact = ray(state, v), ray(in_double(state), v)
        for t, truth, margin in zip(
            line.boundary(epsilon), exact.boundary(epsilon), line.exact.rounding, strict=True
        ):
            assert abs(t / truth - 1) <= margin


@properties(40)
@given(
    st.integers(0, 10**6),
    st.floats(0, 12),
    st.sampled_from([2, 3, 16, 256, 1024]),
    st.sampled_from([1e-3, 0.1, 10.0]),
)
def test_the_margin_covers_what_float32_does_to_a_boundary(seed, gain, d, epsilon):
    require_covered(random_state(seed, 300, d, gain, dtype=torch.float32), seed, epsilon)


@properties(40)
@given(
    st.integers(0, 10**6),
    st.floats(-14, -3),
    st.sampled_from([4, 64, 576]),
    st.sampled_from([1e-3, 0.1, 10.0]),
)
def test_the_margin_covers_it_where_the_prediction_is_almost_certain(seed, log_doubt, d, epsilon):
    require_covered(confident(seed, d, 10**log_doubt), seed, epsilon)


@pytest.mark.parametrize("doubt", [1e-3, 1e-7, 1e-10, 1e-14])
@pytest.mark.parametrize("d", [64, 576])
def test_certificates_of_confident_predictions_keep_their_strength(d, doubt):
    """Between the two likeliest tokens, and however certain the first, the margin stays small."""
    state = confident(1, d, doubt)
    for v in directions(state, 1):
        line = ray(state, v)
        # u·(1 + √(d/16))·‖w‖ is 6e-6 for the widest, times logits of some tens and slopes of one
        assert (line.exact.rounding < 2e-3).all()
        bounds = line.certificates(np.array([0.01, 1.0]))
        assert (bounds[:, 0] > 0).all()
        assert np.isfinite(bounds).all()


def test_a_side_without_a_boundary_leaves_the_other_sides_certificate_alone():
    """The likeliest token alone gains on the minus side, and has all the probability there is."""
    state = with_logits(np.eye(3), [0.0, -800.0, -900.0])
    minus, plus = ray(state, np.array([-1.0, 1.0, 0.0])).certificates(np.array([0.5]))[..., 0]
    assert np.isinf(minus).all()
    assert np.isinf(plus[1]) or plus[0] < plus[1]


def test_the_margin_grows_with_the_logits_and_shrinks_with_the_precision():
    v = random_direction(random_state(d=64))
    small, large = (
        ray(random_state(d=64, gain=gain, dtype=torch.float32), v).exact for gain in (1.0, 10.0)
    )
    assert (large.rounding > 2 * small.rounding).all()
    assert (ray(random_state(d=64), v).exact.rounding < 1e-6 * small.rounding).all()


def test_a_prediction_beyond_float64_has_a_boundary_before_its_first_flip():
    """Logits a thousand nats apart: every other probability is zero in float64."""
    state = with_logits(np.eye(4), [0.0, -1000.0, -2000.0, -900.0])
    line = ray(state, np.array([-1.0, 1.0, 0.0, 0.0]))
    assert line.curvature == 0
    assert line.predicted_radius(0.5) is None
    (minus, plus), (_, [flip, *_]) = line.boundary(0.5), line.flips()
    # along v/√2 the lead of 1000 nats shrinks by √2 for each unit of length
    assert flip.distance == pytest.approx(1000 / 2**0.5, rel=1e-12)
    assert plus == pytest.approx((1000 + np.log(np.expm1(0.5))) / 2**0.5, rel=1e-9)
    assert minus is None  # the other way the likeliest token gains
    assert line.certificate(0.5) is None
    np.testing.assert_allclose(
        line.probabilities(np.array([plus]), np.array([1])), 1 - np.exp(-0.5)
    )


def test_slopes_that_are_equal_leave_the_quadratic_nowhere():
    """Their variance is that of a rounding, and no divergence ever comes of it."""
    state = random_state(0)
    line = ExactLine(state, torch.full_like(state.log_probs, 1e-17))
    assert line.cumulants[0] > 0
    assert line.trust_range(0.1) == (None, None)
