"""What perturbations do, evaluated: against torch.distributions and sixty digits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import (
    exact_kl,
    far_kl,
    make_state,
    nearly_one_hot,
    nonlinear_state,
    perturbed_logits,
    properties,
    random_direction,
    random_state,
    true_kl,
    uniform_state,
)
from torch import Tensor

from stability.geometry.ray import ray
from stability.prediction.perturbation import PERTURBATIONS_AT_ONCE, perturb

STATES = {
    "linear": random_state(gain=2.0, bias=True, scale=0.7),
    "capped": random_state(gain=3.0, bias=True, scale=0.7, softcap=4.0),
    "below a layer": nonlinear_state(gain=2.0),
    "below a layer, wider": nonlinear_state(1, d=4, D=9),
    "below a layer, capped": nonlinear_state(2, gain=3.0, softcap=4.0),
}
every_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES)
CLOSE = {"rtol": 1e-11, "atol": 1e-13}  # the oracle rounds logits of up to 40
TOKENS = np.array([7, 0, 39, 7])


def perturbations(state, n=30, size=2.0) -> Tensor:
    draw = torch.Generator().manual_seed(n)
    return size * torch.randn(n, state.width, generator=draw, dtype=torch.float64)


@every_state
@pytest.mark.parametrize(
    "n", [1, PERTURBATIONS_AT_ONCE, PERTURBATIONS_AT_ONCE + 1, 2 * PERTURBATIONS_AT_ONCE + 7]
)
def test_kl_equals_torch_distributions(state, n):
    deltas = perturbations(state, n)
    torch.testing.assert_close(
        torch.from_numpy(perturb(state, deltas).kl), true_kl(state, deltas), **CLOSE
    )


@every_state
def test_the_argmax_is_that_of_the_perturbed_logits(state):
    deltas = perturbations(state, 200)
    expected = perturbed_logits(state, deltas).argmax(dim=1).numpy()
    assert len(np.unique(expected)) > 3
    np.testing.assert_array_equal(perturb(state, deltas).argmax, expected)


@every_state
def test_probabilities_of_tokens_are_those_of_the_perturbed_logits(state):
    deltas = perturbations(state)
    expected = perturbed_logits(state, deltas).softmax(dim=1).T
    probabilities = perturb(state, deltas).probabilities(TOKENS)
    # relative, down to 1e-20; exponents of up to 40 round to 1e-14
    np.testing.assert_allclose(probabilities, expected[TOKENS], rtol=1e-12)
    every = perturb(state, deltas).probabilities(np.arange(40))
    np.testing.assert_allclose(every.sum(axis=0), 1, rtol=1e-12)


@every_state
def test_the_displacement_and_the_drift_are_those_of_their_definitions(state):
    deltas = perturbations(state)
    perturbed = perturb(state, deltas)
    start, there = (
        x if state.above is None else state.above(x) for x in (state.vector, state.vector + deltas)
    )
    torch.testing.assert_close(perturbed.displacement, there - start, rtol=1e-13, atol=1e-13)
    shift = perturbed_logits(state, deltas) - perturbed_logits(state, 0 * deltas)
    torch.testing.assert_close(perturbed.mean_shift, shift @ state.probs, **CLOSE)


@every_state
def test_leads_and_uncapped_logits_are_those_of_the_perturbed_vector(state):
    deltas = perturbations(state, 4)
    there = state.vector + deltas if state.above is None else state.above(state.vector + deltas)
    expected = state.readout.uncapped(there)
    perturbed = perturb(state, deltas)
    torch.testing.assert_close(perturbed.uncapped(TOKENS), expected[:, TOKENS], **CLOSE)
    first, second = np.array([3, 0, 5, 6]), np.array([1, 2, 5, 39])
    lead = [expected[row, [i, j]] for row, (i, j) in enumerate(zip(first, second, strict=True))]
    expected = [float(ahead - behind) for ahead, behind in lead]
    np.testing.assert_allclose(perturbed.lead(first, second), expected, rtol=1e-11, atol=1e-12)


@every_state
def test_not_moving_changes_nothing(state):
    perturbed = perturb(state, torch.zeros(2, state.width, dtype=torch.float64))
    # the network rounds a batch and a single vector differently: (1e-15)² nats
    np.testing.assert_allclose(perturbed.kl, 0, atol=1e-28)
    assert perturbed.argmax.tolist() == [state.argmax] * 2
    expected = state.probs[TOKENS][:, None].expand(-1, 2)
    np.testing.assert_allclose(perturbed.probabilities(TOKENS), expected, rtol=1e-13)


def test_the_argmax_of_a_tie_is_the_lowest_id():
    state = uniform_state(4)
    deltas = torch.tensor([[0, 1, 1, 0], [0, 0, 2, 2], [0, 0, 0, 0]], dtype=torch.float64)
    assert perturb(state, deltas).argmax.tolist() == [1, 2, 0]


@pytest.mark.parametrize("size", [300.0, 1e4, 1e8])
@pytest.mark.parametrize("name", ["linear", "below a layer"])
def test_far_beyond_overflow_kl_is_that_in_logs(name, size):
    state = STATES[name]
    deltas = perturbations(state, size=size)
    perturbed = perturb(state, deltas)
    assert perturbed.kl.max() > 800  # where exp is infinite
    # differences of logits that grow with the size, each rounded to 1e-16
    np.testing.assert_allclose(perturbed.kl, far_kl(state, deltas), rtol=1e-12)
    p = perturbed.probabilities(np.arange(40))
    # exponents of 20 times the size round to 1e-16 of that
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-14 * size)


def test_capped_logits_bound_the_divergence_however_far():
    """A logit moves by less than twice the cap, so `KL < 4c`: the limit is that of the signs."""
    state, deltas = STATES["capped"], perturbations(STATES["capped"], size=1e6)
    perturbed = perturb(state, deltas)
    assert perturbed.kl.max() < 4 * state.readout.softcap
    signs = state.readout.softcap * (deltas @ state.readout.W_U.T).sign()
    log_q = signs.log_softmax(dim=1)
    expected = (state.probs * (state.log_probs - log_q)).sum(dim=1)
    # of 1,200 slopes of a few millions in size none is within a few hundred of zero
    np.testing.assert_allclose(perturbed.kl, expected, rtol=1e-10)


@pytest.mark.parametrize("t", [1e-3, 1.5])
def test_small_divergences_of_an_almost_certain_prediction_keep_their_digits(t):
    state = nearly_one_hot(0, gap=60)
    v = random_direction(state)
    exact = exact_kl(ray(state, v).slopes, state.probs.numpy(), t)
    assert exact < 1e-20
    perturbed = perturb(state, torch.from_numpy(t * v)[None])
    # e^x − 1 − x has lost 1e-16/x of itself
    assert perturbed.kl[0] == pytest.approx(exact, rel=1e-10, abs=0)


@pytest.mark.parametrize("name", STATES)
def test_small_steps_have_the_quadratic_as_their_divergence(name):
    state, t = STATES[name], 1e-5
    v = random_direction(state)
    kl = perturb(state, torch.from_numpy(t * v)[None]).kl[0]
    # the next term is of the order of t; e^x − 1 − x has lost 1e-16/x of itself
    assert kl == pytest.approx(0.5 * ray(state, v).curvature * t**2, rel=1e-3)


def test_a_float32_network_costs_float32_digits_only():
    W, V = (torch.from_numpy(np.random.default_rng(n).standard_normal((40, n))) for n in (6, 8))
    x = torch.linspace(-1, 1, 8, dtype=torch.float64)
    weight = V[:6] / 3
    exact = make_state(W, x, above=lambda x: (x @ weight.T).tanh())
    single = make_state(W.float(), x.float(), above=lambda x: (x.float() @ weight.float().T).tanh())
    deltas = perturbations(exact)
    np.testing.assert_allclose(perturb(single, deltas).kl, perturb(exact, deltas).kl, rtol=1e-5)
    # a displacement of 1e-4 is a difference of numbers of size one that round to 6e-8
    near = 1e-4 * deltas
    np.testing.assert_allclose(perturb(single, near).kl, perturb(exact, near).kl, rtol=2e-2)


@properties(40)
@given(st.integers(0, 10_000), st.floats(0, 4), st.floats(-8, 3), st.booleans())
def test_divergences_are_never_negative_and_finite(seed, gain, log_size, capped):
    state = nonlinear_state(seed, gain=gain, **({"softcap": 3.0} if capped else {}))
    kl = perturb(state, perturbations(state, size=10**log_size)).kl
    assert np.isfinite(kl).all()
    assert (kl >= 0).all()
