"""The margin for rounding that a certificate keeps, and predictions beyond the range of float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import properties, random_direction, random_state, with_logits

from stability.geometry.ray import ray
from stability.prediction.readout import Readout


def in_double(state):
    """The same state, whose products are made in float64."""
    readout = Readout(state.readout.W_U.double(), state.readout.bias, state.readout.scale)
    return replace(state, readout=readout, vector=state.vector.double())


@properties(60)
@given(st.integers(0, 10**6), st.floats(0, 12), st.sampled_from([16, 256, 1024]))
def test_the_margin_covers_what_float32_does_to_a_boundary(seed, gain, d):
    single = random_state(seed, V=300, d=d, gain=gain, dtype=torch.float32)
    v = random_direction(single, seed)
    line, exact = ray(single, v), ray(in_double(single), v)
    off = np.abs(np.divide(line.boundary(0.1), exact.boundary(0.1)) - 1)
    assert (off <= line.exact.rounding).all()
    # and it is a margin, not a surrender: the 1e-4 of a radius that were kept before are no less
    assert line.exact.rounding < 1e-4 * (1 + gain) * (d / 16) ** 0.5


def test_the_margin_grows_with_the_logits_and_shrinks_with_the_precision():
    v = random_direction(random_state(d=64))
    small, large = (
        ray(random_state(d=64, gain=gain, dtype=torch.float32), v).exact for gain in (1.0, 10.0)
    )
    assert large.rounding > 2 * small.rounding
    assert ray(random_state(d=64), v).exact.rounding < 1e-6 * small.rounding


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
