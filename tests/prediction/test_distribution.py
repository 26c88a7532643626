"""Log-probabilities, entropy, divergence, argmax and margin, beside scipy and torch."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import properties
from torch.distributions import Categorical, kl_divergence

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.prediction import distribution

LOGITS = st.lists(st.floats(-50, 50), min_size=2, max_size=12)
# sums of a few numbers of order one in float64, whose rounding is 2e-16 each
ROUNDING = {"rtol": 1e-13, "atol": 1e-14}


def random_logits(*shape: int, spread: float = 4.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(sum(shape))
    return spread * torch.randn(*shape, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(7,), (3, 7), (2, 3, 7)])
def test_log_probs_are_the_log_softmax_of_the_last_axis(shape):
    z = random_logits(*shape)
    expected = torch.from_numpy(scipy.special.log_softmax(z.numpy(), axis=-1))
    torch.testing.assert_close(distribution.log_probs(z), expected, **ROUNDING)


def test_log_probs_are_computed_in_float64_whatever_comes_in():
    z = torch.tensor([0.0, 30.0])
    log_p = distribution.log_probs(z)
    assert log_p.dtype == torch.float64
    # log(1 − p) of a nearly certain token is lost in float32
    assert float(log_p[1]) == pytest.approx(-math.log1p(math.exp(-30)), rel=1e-12)


@pytest.mark.parametrize("offset", [-1e6, 0.0, 1e6])
def test_log_probs_do_not_depend_on_a_common_offset(offset):
    z = random_logits(9)
    # adding 1e6 rounds the logits to 1e-10
    torch.testing.assert_close(
        distribution.log_probs(z + offset), distribution.log_probs(z), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("V", [2, 5, 1000])
def test_the_entropy_of_equal_logits_is_the_log_of_their_number(V):
    entropy = distribution.entropy(distribution.log_probs(torch.zeros(V)))
    assert float(entropy) == pytest.approx(math.log(V), rel=1e-13)


@pytest.mark.parametrize("p", [0.5, 0.1, 1e-8])
def test_the_entropy_of_two_tokens_is_the_binary_one(p):
    log_p = torch.tensor([math.log(p), math.log1p(-p)], dtype=torch.float64)
    expected = -p * math.log(p) - (1 - p) * math.log1p(-p)
    assert float(distribution.entropy(log_p)) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("certain", [[0.0, -math.inf, -math.inf], [0.0, -1000.0, -2000.0]])
def test_impossible_tokens_add_no_entropy(certain):
    assert float(distribution.entropy(torch.tensor(certain, dtype=torch.float64))) == 0


def test_entropy_agrees_with_scipy_and_torch():
    z = random_logits(4, 30)
    log_p = distribution.log_probs(z)
    entropy = distribution.entropy(log_p)
    torch.testing.assert_close(entropy, Categorical(logits=z).entropy(), **ROUNDING)
    by_scipy = scipy.stats.entropy(log_p.exp().numpy(), axis=-1)
    torch.testing.assert_close(entropy, torch.from_numpy(by_scipy), **ROUNDING)


@pytest.mark.parametrize(("p", "q"), [(0.5, 0.25), (0.9, 0.1), (1e-6, 0.5)])
def test_the_divergence_of_two_tokens_is_the_binary_one(p, q):
    log_p, log_q = (
        torch.tensor([math.log(x), math.log1p(-x)], dtype=torch.float64) for x in (p, q)
    )
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert float(distribution.kl(log_p, log_q)) == pytest.approx(expected, rel=1e-12)


def test_divergence_agrees_with_torch():
    a, b = random_logits(5, 20), random_logits(5, 20, spread=2.0)
    kl = distribution.kl(distribution.log_probs(a), distribution.log_probs(b))
    expected = kl_divergence(Categorical(logits=a), Categorical(logits=b))
    torch.testing.assert_close(kl, expected, **ROUNDING)


def test_divergence_ignores_what_cannot_happen_and_is_infinite_where_it_must():
    half = torch.tensor([math.log(0.5), math.log(0.5), -math.inf], dtype=torch.float64)
    other = torch.tensor([math.log(0.25), math.log(0.75), -math.inf], dtype=torch.float64)
    expected = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert float(distribution.kl(half, other)) == pytest.approx(expected, rel=1e-13)
    certain = torch.tensor([0.0, -math.inf, -math.inf], dtype=torch.float64)
    assert float(distribution.kl(half, certain)) == math.inf


def test_the_divergence_of_perturbed_logits_is_that_of_the_two_distributions():
    z, shift = random_logits(20), random_logits(5, 20)
    log_p = distribution.log_probs(z)
    mean_shift, kl = distribution.divergence(log_p, shift)
    torch.testing.assert_close(mean_shift, shift @ log_p.exp(), **ROUNDING)
    expected = kl_divergence(Categorical(logits=z), Categorical(logits=z + shift))
    torch.testing.assert_close(kl, expected, **ROUNDING)


@pytest.mark.parametrize("size", [1e-3, 1e-5, 1e-8])
def test_the_divergence_of_slightly_perturbed_logits_keeps_its_digits(size):
    """Half of the variance of the shift, and a sixth of its third moment."""
    log_p, s = distribution.log_probs(random_logits(20)), random_logits(20)
    centred = s - s @ log_p.exp()
    second, third = (float(log_p.exp() @ centred**n) for n in (2, 3))
    kl = float(distribution.divergence(log_p, size * s[None])[1])
    # the next term is size² times a fourth moment; e^x − 1 − x has lost 1e-16/x of itself
    expected = size**2 * (second / 2 + size * third / 6)
    assert kl == pytest.approx(expected, rel=100 * size**2 + 1e-15 / size)


@pytest.mark.parametrize("far", [800.0, 1e4, 1e300])
def test_the_divergence_of_logits_perturbed_beyond_overflow_is_exact(far):
    """Two even tokens, the first `far` ahead: `log ½(1 + e^far) − far/2`."""
    log_p = distribution.log_probs(torch.zeros(2))
    shift = torch.tensor([[far, 0.0], [0.0, far], [1.0, 0.0]], dtype=torch.float64)
    mean_shift, kl = distribution.divergence(log_p, shift)
    assert mean_shift.tolist() == [far / 2, far / 2, 0.5]
    near = math.log((1 + math.e) / 2) - 0.5
    expected = [far / 2 - math.log(2), far / 2 - math.log(2), near]
    assert kl.tolist() == pytest.approx(expected, rel=1e-14)


@properties(100)
@given(LOGITS, LOGITS)
def test_the_divergence_of_perturbed_logits_is_never_negative_and_ignores_a_common_shift(
    logits, more
):
    n = min(len(logits), len(more))
    z, shift = (torch.tensor(part[:n]).double() for part in (logits, more))
    log_p = distribution.log_probs(z)
    kl = distribution.divergence(log_p, torch.stack([shift, shift + 7, 0 * shift]))[1]
    # shifts of up to 100 nats round to 1e-14
    assert float(kl[0]) >= -1e-13
    assert float(kl[1]) == pytest.approx(float(kl[0]), rel=1e-12, abs=1e-13)
    assert float(kl[2]) == 0


@properties(100)
@given(LOGITS, st.randoms(use_true_random=False))
def test_divergence_is_never_negative_and_zero_from_itself(logits, random):
    p = distribution.log_probs(torch.tensor(logits, dtype=torch.float64))
    q = distribution.log_probs(torch.tensor(random.sample(logits, len(logits))).double())
    # a sum of terms of at most 100 nats, each rounded to 2e-16 of its size
    assert float(distribution.kl(p, q)) >= -1e-12
    assert float(distribution.kl(p, p)) == 0


@properties(100)
@given(LOGITS)
def test_entropy_lies_between_zero_and_the_log_of_the_vocabulary(logits):
    entropy = float(distribution.entropy(distribution.log_probs(torch.tensor(logits))))
    assert 0 <= entropy <= math.log(len(logits)) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("logits", "winner"), [([1.0, 3.0, 2.0], 1), ([2.0, 5.0, 5.0], 1), ([4.0, 4.0, 4.0], 0)]
)
def test_the_argmax_is_the_largest_logit_and_ties_go_to_the_lowest_id(logits, winner):
    assert int(distribution.argmax(torch.tensor(logits))) == winner


def test_the_argmax_is_taken_in_every_row():
    z = torch.tensor([[0.0, 1.0, 1.0], [2.0, 0.0, 2.0]])
    assert distribution.argmax(z).tolist() == [1, 0]


def test_the_margin_is_the_log_odds_of_first_over_second():
    z = random_logits(6, 15)
    p = distribution.log_probs(z).exp().sort(dim=-1).values
    torch.testing.assert_close(distribution.margin(z), (p[:, -1] / p[:, -2]).log(), **ROUNDING)
    assert float(distribution.margin(torch.tensor([2.0, 7.0, 7.0]))) == 0


@pytest.mark.parametrize("epsilon", [1e-12, 0.01, 1.0, 1e6])
def test_any_positive_number_of_nats_has_a_closed_form_radius(epsilon):
    """`½ κ r² = ε`, whatever is accepted: what is refused has no radius either."""
    radius = fisher.radius(2.0, epsilon)
    assert fisher.quadratic(2.0, np.array([radius])) == pytest.approx(epsilon, rel=1e-14)


@pytest.mark.parametrize("epsilon", [0.0, -0.01, 1.1e12, math.inf, -math.inf, math.nan])
def test_other_numbers_of_nats_are_refused_with_the_value_received(epsilon):
    with pytest.raises(StabilityError, match=rf"positive number .* received {epsilon}: try 0\.01"):
        distribution.require_nats(epsilon)
