"""The pooled prediction: what no push at all does it for less than."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from support.states import properties

from stability.prediction.pooling import pooled_divergence


def log_probs(seed: int, n: int, gain: float = 2.0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (gain * torch.randn(n, generator=draw, dtype=torch.float64)).log_softmax(0)


@pytest.mark.parametrize("seed", range(6))
def test_no_distribution_in_which_the_token_is_first_is_nearer(seed):
    """By a general solver, over all distributions on seven tokens."""
    log_p, token = log_probs(seed, 7), seed
    p = log_p.exp().numpy()
    ahead = np.eye(7)[token] - np.eye(7)
    nearest = minimize(
        lambda q: float(p @ (log_p.numpy() - np.log(np.maximum(q, 1e-12)))),
        np.full(7, 1 / 7),
        bounds=[(1e-9, 1)] * 7,
        constraints=(
            {"type": "eq", "fun": lambda q: q.sum() - 1},
            {"type": "ineq", "fun": lambda q: ahead @ q},
        ),
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 300},
    )
    # the solver's own tolerance, in nats
    assert pooled_divergence(log_p, token) == pytest.approx(nearest.fun, rel=1e-6, abs=1e-9)


@given(st.integers(0, 10**6), st.floats(0.1, 100))
@properties(60)
def test_it_never_grows_with_the_probability(seed, gain):
    log_p = log_probs(seed, 9, gain)
    costs = [pooled_divergence(log_p, token) for token in log_p.argsort(descending=True).tolist()]
    assert costs[0] == 0.0
    # sums of positive terms, each right to 1e-15
    assert (np.diff(costs) >= -1e-13 * np.array(costs[1:])).all()


def test_a_close_race_keeps_its_digits():
    """`KL = −½ log(1 − tanh²(x/2))` where two logits differ by `x`: `x²/8` for a small one."""
    for x in (1e-7, 1e-4):
        log_p = torch.tensor([x, 0.0], dtype=torch.float64).log_softmax(0)
        # the next term of the series is x²/24 of this
        assert pooled_divergence(log_p, 1) == pytest.approx(x**2 / 8, rel=1e-8)


@pytest.mark.parametrize("gap", [300.0, 740.0, 2000.0])
def test_a_token_whose_probability_underflows_costs_two_thirds_of_a_nat(gap):
    log_p = torch.tensor([gap, 0.0], dtype=torch.float64).log_softmax(0)
    # the token itself adds nothing: 1·log(1/½), less ½ for the half that it holds, plus that half
    assert pooled_divergence(log_p, 1) == pytest.approx(np.log(2), rel=1e-12)
