"""The way between two states, against the network evaluated by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.states import Function, make_state, random_state
from torch.distributions import Categorical, kl_divergence

from stability.errors import StabilityError
from stability.geometry.interpolation import interpolation
from stability.geometry.ray import ray


def steep(vectors: torch.Tensor) -> torch.Tensor:
    """A network that saturates: little changes at either end, much in between."""
    return (4 * vectors).tanh()


@pytest.fixture
def ends():
    rows = random_state(3, d=2).readout.W_U
    a, b = torch.tensor([-1.0, 0.3]).double(), torch.tensor([1.5, 0.3]).double()
    start = make_state(rows, a, above=Function(steep))
    return start, replace(start, vector=b, prompt="another")


def test_the_way_is_that_of_the_network_at_every_mixture(ends):
    a, b = ends
    line = interpolation(a, b, steps=10)
    mixtures = a.vector + torch.linspace(0, 1, 11, dtype=torch.float64)[:, None] * (
        b.vector - a.vector
    )
    logits = steep(mixtures) @ a.readout.W_U.T
    expected = kl_divergence(Categorical(logits=logits[:1]), Categorical(logits=logits))
    np.testing.assert_allclose(line.kl, expected, rtol=1e-9, atol=1e-13)
    assert line.argmax.tolist() == logits.argmax(dim=1).tolist()
    distances = (steep(mixtures) - steep(mixtures[:1])).norm(dim=1)
    np.testing.assert_allclose(line.movement, distances / distances[-1], rtol=1e-12)
    assert (line.movement[0], line.movement[-1]) == (0, 1)


def test_the_edge_is_where_the_output_moves_fastest(ends):
    # tanh is steepest where the first coordinate is zero: at 1 of 2.5, to half a step
    assert interpolation(*ends, steps=50).edge == pytest.approx(1 / 2.5, abs=0.011)


def test_edges_are_those_of_the_rays_from_both_ends_after_the_first_prompt(ends):
    a, b = ends
    line, length = interpolation(a, b), float((b.vector - a.vector).norm())
    there, back = ray(a, b.vector - a.vector), ray(replace(a, vector=b.vector), a.vector - b.vector)
    for epsilon in (1e-4, 1e-3):
        predicted = [way.predicted_radius(epsilon) / length for way in (there, back)]
        assert line.predicted(epsilon) == pytest.approx((predicted[0], 1 - predicted[1]))
        actual = [way.boundary(epsilon)[1] / length for way in (there, back)]
        assert line.actual(epsilon) == pytest.approx((actual[0], 1 - actual[1]))
    assert line.length == pytest.approx(length)


def test_an_edge_that_is_not_on_the_way_is_none(ends):
    assert interpolation(*ends).actual(1e3) == (None, None)


def test_the_same_state_twice_is_refused(ends):
    with pytest.raises(StabilityError, match="must lead to another state"):
        interpolation(ends[0], ends[0])


@pytest.mark.parametrize("steps", [0, -2])
def test_an_interpolation_needs_a_step(ends, steps):
    with pytest.raises(StabilityError, match=rf"at least 1; received {steps}: try 50"):
        interpolation(*ends, steps=steps)


def test_at_the_readout_an_edge_farther_than_five_norms_is_an_edge():
    rows = random_state(3, d=2).readout.W_U
    near, far = torch.tensor([0.01, 0.0]).double(), torch.tensor([3.0, 0.0]).double()
    found = interpolation(make_state(rows, near), make_state(rows, far))
    edge, _ = found.actual(0.3)
    assert edge * found.length > 5 * 0.01
    assert found.start.kl(edge * found.length) == pytest.approx(0.3)


def test_edges_need_positive_nats(ends):
    found = interpolation(*ends)
    for edges in (found.predicted, found.actual):
        with pytest.raises(StabilityError, match="positive number of nats"):
            edges(0.0)
