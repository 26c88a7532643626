"""What float32 leaves of small divergences below the readout: against the same network in float64."""

import numpy as np
import pytest
import torch
from support.states import make_state, nonlinear_state, random_direction, random_state
from torch import Tensor

from stability.geometry.ray import ray
from stability.geometry.region import region
from stability.numerical.rounding import ACCURACY, rounding
from stability.prediction.state import State

V, D = 200, 64


def network(seed: int, gain: float, dtype: torch.dtype) -> State:
    """Six residual layers in a precision of their own, below rows in float64."""
    draw = torch.Generator().manual_seed(seed)
    A, B = torch.randn(2, 6, D, D, generator=draw, dtype=torch.float64).float() / D**0.5
    rows = torch.randn(V, D, generator=draw, dtype=torch.float64).float().double()
    vector = torch.randn(D, generator=draw, dtype=torch.float64).float()
    A, B = A.to(dtype), B.to(dtype)

    def above(x: Tensor) -> Tensor:
        x = x.to(dtype)
        for a, b in zip(A, B, strict=True):
            x = x + (x @ a.T).tanh() @ b.T
        return gain * (x / x.norm(dim=-1, keepdim=True)).double()

    return make_state(rows, vector.double(), above=above)


@pytest.mark.parametrize("gain", [0.3, 3.0, 20.0], ids=["flat", "open", "sharp"])
@pytest.mark.parametrize("seed", range(3))
def test_boundaries_above_the_resolution_are_right_to_a_hundredth_and_below_it_none(seed, gain):
    single, double = (network(seed, gain, dtype) for dtype in (torch.float32, torch.float64))
    v = random_direction(single, seed)
    line, exact = ray(single, v), ray(double, v)
    assert exact.resolution < 1e-16
    assert line.resolution > 1e-13
    epsilon = line.resolution * np.array([1e-3, 0.5, 1.01, 10.0, 1e3])
    found = line.find(epsilon)
    assert np.isnan(found.distances[:, :2]).all()
    assert (found.kinds[:, :2] == "unresolved").all()
    assert (found.kinds[:, 2:] == "reached").all()
    error = found.distances[:, 2:] / exact.boundaries(epsilon[2:]) - 1
    # the resolution is that of a bound; the least of many points errs by a little more than one
    assert np.abs(error).max() < 1.5 * ACCURACY
    assert np.abs(error[:, 2]).max() < 0.2 * ACCURACY


def test_rounding_is_measured_as_it_is():
    """A displacement that is off by a known noise, evaluation by evaluation."""
    draw = torch.Generator().manual_seed(0)
    state = random_state(0)

    def noisy(x: Tensor) -> Tensor:
        return x + 1e-7 * torch.randn(x.shape, generator=draw, dtype=torch.float64)

    below = make_state(state.readout.W_U, state.vector, above=noisy)
    H = ray(state, random_direction(state)).curvature
    # the noise of a displacement has the variance 2·1e-14 along any direction, so half of vᵀHv of it
    # is that of one; in six, and the largest of eight, some times as much
    assert 1e-14 * H < rounding(below).kl < 100e-14 * H


def test_a_ray_at_the_readout_resolves_everything():
    state = random_state()
    assert ray(state, random_direction(state)).resolution == 0


def test_float64_leaves_the_digits_of_a_difference_of_logits():
    """At a capped readout displacements are exact, and their logits are not."""
    state = random_state(softcap=2.0)
    line = ray(state, random_direction(state))
    assert 0 < line.resolution < 1e-25
    for epsilon in (1e-280, 1e-40):
        assert line.boundary(epsilon) == (None, None)
    r = line.predicted_radius(1e-16)
    assert line.boundary(1e-16) == pytest.approx((r, r), rel=1e-4)


def test_no_edge_of_a_plane_is_drawn_below_the_resolution():
    plane = region(network(0, 3.0, torch.float32), *np.eye(D)[:2])
    angles = np.linspace(0, 6, 5)
    assert np.isnan(plane.boundary(1e-15, angles)).all()
    assert np.isfinite(plane.boundary(1e-3, angles)).all()


def test_a_smooth_network_in_float64_resolves_what_anyone_may_ask():
    state = nonlinear_state()
    assert ray(state, random_direction(state)).resolution < 1e-16
