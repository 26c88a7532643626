"""Logits more than 745 nats apart, whose probabilities underflow: in logs, what decides is there."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import logsumexp
from support.states import make_state, random_direction, random_state, with_logits

from stability.curvature.spectrum import spectrum
from stability.geometry.ray import Ray, ray
from stability.geometry.region import region
from stability.geometry.sensitivity import sensitivity
from stability.prediction.state import State

LEVELS = np.array([1e-3, 0.5, 0.69, 1.0, 30.0, 1e5])


def certain(seed: int, gain: float) -> State:
    """Logits some times `gain` apart: rows of a model multiplied by it."""
    state = random_state(seed, V=30, d=5)
    return make_state(state.readout.W_U * gain, state.vector)


def crossing(log_p: np.ndarray, slopes: np.ndarray, epsilon: float) -> float | None:
    """Where `log E[exp(t·a_c)] = ε`, by scipy and in logs; None where only the likeliest token gains.

    There the divergence grows with the probabilities of the others, which underflow.
    """
    centred = slopes - np.exp(log_p) @ slopes
    if centred.max() <= 1e-9 * np.abs(centred).max():
        return None
    excess = lambda u: logsumexp(log_p + np.exp(u) * centred) - epsilon  # noqa: E731
    return float(np.exp(brentq(excess, -40, 60, xtol=1e-13)))


def expected(line: Ray) -> list[list[float | None]]:
    log_p = line.state.log_probs.numpy()
    return [[crossing(log_p, sign * line.slopes, e) for e in LEVELS] for sign in (-1, 1)]


every_gain = pytest.mark.parametrize("gain", [1e2, 1e3, 1e4, 1e6, 1e10])


@every_gain
@pytest.mark.parametrize("seed", range(3))
def test_boundaries_and_their_brackets_are_right_however_certain(seed, gain):
    state = certain(seed, gain)
    line = ray(state, random_direction(state, seed))
    found = line.boundaries(LEVELS)
    brackets = np.stack([line.certificates(LEVELS), line.moment_brackets(LEVELS)])
    for side, side_expected in enumerate(expected(line)):
        for i, distance in enumerate(side_expected):
            if distance is None:
                continue
            assert found[side, i] == pytest.approx(distance, rel=1e-5)  # merging
            inner, outer = brackets[:, side, :, i].T
            # rounding moves logits of this size by more than a radius: then nothing is certain
            assert (inner <= distance * (1 + 1e-8)).all()
            assert (outer >= distance * (1 - 1e-8)).all()
    for line_of_api in (line.trust_range(), line.pushed(3), line.flips()):
        assert len(line_of_api) == 2


@every_gain
@pytest.mark.parametrize("seed", range(3))
def test_before_a_flip_lies_every_boundary_of_less_than_half_a_bit(seed, gain):
    """At a flip two tokens are equally likely: of `p ≈ 1` at most half is left, `KL ≥ log 2`."""
    state = certain(seed, gain)
    line = ray(state, random_direction(state, seed))
    for boundary, flips in zip(line.boundary(0.69), line.flips(), strict=True):
        if flips:
            assert boundary is not None
            assert boundary <= flips[0].distance


@every_gain
def test_edges_of_planes_are_right_however_certain(gain):
    state = certain(1, gain)
    plane = region(state, *np.linalg.qr(np.random.default_rng(0).standard_normal((5, 2)))[0].T)
    angles, log_p = np.linspace(0, 6, 7), state.log_probs.numpy()
    for epsilon in LEVELS:
        for angle, edge in zip(angles, plane.boundary(epsilon, angles), strict=True):
            along = plane.slopes @ np.array([np.cos(angle), np.sin(angle)])
            distance = crossing(log_p, along, epsilon)
            if distance is not None:
                assert edge == pytest.approx(distance, rel=1e-5)
    x = np.linspace(-1, 1, 4)
    np.testing.assert_allclose(plane.kl_grid(x, x), plane.kl(*np.meshgrid(x, x)), atol=1e-9)


def test_a_token_that_hardly_weighs_gives_a_plane_an_edge_and_no_ellipse():
    """Even odds along `x`; along `y` only a token of probability e^−92 moves, and ends the region."""
    rows = torch.tensor([[1.0, 0], [-1, 0], [0, 5]], dtype=torch.float64)
    plane = region(with_logits(rows, np.array([0.0, 0, -92])), *np.eye(2))
    # log(1 + e^{5t − 92}/2) = 1
    edge = (92 + np.log(2 * (np.e - 1))) / 5
    assert plane.boundary(1.0, np.array([np.pi / 2])) == pytest.approx(edge, rel=1e-5)
    assert plane.ellipse(1.0) is None  # the smaller curvature is 1e-39 of the larger, and lost


def test_a_curvature_that_underflows_predicts_nothing_and_certifies_nothing():
    """A radius of e^400 is no length: the closed form has none, and the truth still has."""
    state = certain(0, 3000.0)
    line = ray(state, random_direction(state))
    assert line.curvature == 0
    assert line.predicted_radius(0.5) is None
    assert line.trust_range() == (None, None)
    assert line.boundary(0.5) != (None, None)
    assert sensitivity(state, spectrum(state, 2)).certified_ball(0.5) is None
