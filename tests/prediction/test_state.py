"""What a captured state says about its own next token."""

import dataclasses
import math

import pytest
import torch
from support.states import (
    make_state,
    nearly_one_hot,
    nonlinear_state,
    perturbed_logits,
    random_state,
    with_logits,
)
from torch.distributions import Categorical

from stability.errors import StabilityError

LOGITS = [0.5, 3.0, -1.0, 3.0, 2.0]
ROWS = torch.zeros(5, 2, dtype=torch.float64)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_logits_are_those_of_the_readout_at_the_vector(bias, scale):
    state = random_state(bias=bias, scale=scale)
    expected = perturbed_logits(state, torch.zeros(6, dtype=torch.float64))
    torch.testing.assert_close(state.logits, expected, rtol=0, atol=1e-13)


def test_probabilities_agree_with_torch():
    state = random_state(V=200, gain=3.0)
    expected = Categorical(logits=state.logits)
    torch.testing.assert_close(state.probs, expected.probs)
    torch.testing.assert_close(state.log_probs.exp(), expected.probs)
    assert state.entropy == pytest.approx(float(expected.entropy()), rel=1e-12)
    assert float(state.probs.sum()) == pytest.approx(1, abs=1e-12)


def test_capping_bounds_the_logits_and_keeps_the_argmax():
    state = random_state(gain=10.0, softcap=2.0)
    torch.testing.assert_close(state.logits, 2 * (state.uncapped_logits / 2).tanh())
    assert state.logits.abs().max() <= 2 < state.uncapped_logits.abs().max()
    assert state.argmax == int(state.uncapped_logits.argmax())


def test_ties_for_the_most_likely_token_go_to_the_lowest_id():
    assert with_logits(ROWS, LOGITS).argmax == 1


def test_the_margin_is_the_gap_of_the_two_largest_logits():
    assert with_logits(ROWS, LOGITS).margin == 0
    assert with_logits(ROWS, [0.0, 5.0, 1.0, 3.5, 2.0]).margin == pytest.approx(1.5, abs=1e-12)


def test_the_most_likely_tokens_come_in_order_with_ranks_texts_and_probabilities():
    state = with_logits(ROWS, LOGITS)
    ranked = state.most_likely(3)
    assert [(token.index, token.id, token.text) for token, _ in ranked] == [
        (0, 1, "<1>"),
        (1, 3, "<3>"),
        (2, 4, "<4>"),
    ]
    total = sum(math.exp(z) for z in LOGITS)
    expected = [math.exp(LOGITS[token.id]) / total for token, _ in ranked]
    assert [p for _, p in ranked] == pytest.approx(expected, rel=1e-12)


def test_asking_for_more_tokens_than_there_are_gives_all():
    assert sorted(token.id for token, _ in with_logits(ROWS, LOGITS).most_likely(99)) == [*range(5)]


def test_the_norm_is_the_length_of_the_vector():
    assert make_state(ROWS, torch.tensor([3.0, 4.0]).double()).norm == pytest.approx(5, rel=1e-15)


def test_the_norm_of_a_float32_vector_is_summed_in_float64():
    vector = torch.full((100_000,), 0.1)
    state = make_state(torch.zeros(2, 100_000), vector)
    # float32 sums of so many squares are off by 1e-6 and more
    assert state.norm == pytest.approx(float(vector[0]) * math.sqrt(100_000), rel=1e-12)


def test_small_probabilities_keep_their_digits_beside_a_certain_token():
    state = nearly_one_hot(gap=40.0)
    others = state.log_probs[1:]
    # 1 − p = e^{−40}·39 tokens is below the rounding of p itself, not of its log
    torch.testing.assert_close(others, state.logits[1:] - 40, rtol=1e-14, atol=1e-14)


VARIANTS = {
    "linear": random_state(bias=True, scale=0.25),
    "capped": random_state(gain=3.0, softcap=2.0),
    "below": nonlinear_state(d=4, D=9, scale=0.5),
    "below, capped": nonlinear_state(gain=3.0, softcap=2.0),
}
every_variant = pytest.mark.parametrize("state", VARIANTS.values(), ids=VARIANTS)


def random(*shape: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


@every_variant
def test_slopes_are_the_derivative_of_the_logits_and_pull_back_is_their_transpose(state):
    zero = torch.zeros(state.width, dtype=torch.float64)
    J = torch.func.jacrev(lambda delta: perturbed_logits(state, delta))(zero)
    V, S = random(state.width, 3), random(40, 3)
    close = {"rtol": 1e-12, "atol": 1e-12}  # float64 sums of 40 terms of size ten
    torch.testing.assert_close(state.slopes(V), J @ V, **close)
    torch.testing.assert_close(state.pull_back(S), J.T @ S, **close)


@every_variant
def test_push_and_pull_are_the_derivative_of_the_vector_given_to_the_readout(state):
    J = torch.eye(state.width, dtype=torch.float64)
    if state.above is not None:
        J = torch.func.jacrev(state.above.function)(state.vector)
    V, U = random(state.width, 3), random(state.readout.width, 3)
    torch.testing.assert_close(state.jvp(V), J @ V, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(state.vjp(U), J.T @ U, rtol=1e-12, atol=1e-13)


@every_variant
def test_at_the_readout_the_same_prediction_has_nothing_above_it(state):
    there = state.at_readout()
    assert (there.site, there.above) == ("prelogit", None)
    assert there.width == state.readout.width
    assert torch.equal(there.vector, state.prelogit)
    assert torch.equal(there.logits, state.logits)
    assert (there.prompt, there.position, there.model) == (state.prompt, 0, state.model)


def test_only_uncapped_logits_at_the_readout_are_linear():
    linear = {name: state.is_linear for name, state in VARIANTS.items()}
    assert linear == {"linear": True, "capped": False, "below": False, "below, capped": False}


def test_the_width_and_the_norm_are_those_of_the_sites_own_vector():
    state = VARIANTS["below"]
    assert (state.width, state.readout.width) == (4, 9)
    assert state.norm == pytest.approx(float(state.vector.norm()), rel=1e-15)


def test_a_state_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        random_state().vector = torch.zeros(6)


@pytest.mark.parametrize("n", [0, -1])
def test_a_ranking_of_no_tokens_is_refused(n):
    with pytest.raises(StabilityError, match=rf"at least 1; received {n}: try 10"):
        random_state().most_likely(n)
