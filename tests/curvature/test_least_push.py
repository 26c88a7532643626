"""The cheapest push where logits are linear: against general solvers and brute force."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp
from support.states import (
    far_kl,
    make_state,
    nearly_one_hot,
    perturbed_logits,
    properties,
    random_state,
    true_kl,
    underflowing_state,
    with_logits,
)

from stability.curvature import newton_step
from stability.curvature.least_push import least_push
from stability.errors import StabilityError
from stability.geometry.push_to_token import gradient_of_lead
from stability.prediction.pooling import pooled_divergence
from stability.prediction.state import State

# of the divergence: a millionth is left to gain, and the token leads by a millionth of its gap, which
# costs λ times that, at most some times the divergence itself
CLOSE = 5e-5


def rows(state: State) -> np.ndarray:
    return state.readout.scale * state.readout.W_U.double().numpy()


def ahead_of_all(state: State, token: int) -> tuple[np.ndarray, np.ndarray]:
    """`C δ + c ≥ 0`: where no token is above this one."""
    W, z = rows(state), state.logits.numpy()
    return W[token] - np.delete(W, token, 0), z[token] - np.delete(z, token)


def solved(state: State, token: int, start: np.ndarray) -> float:
    """The least divergence by a general solver, from a definition of its own."""
    W, p = rows(state), state.probs.numpy()
    C, c = ahead_of_all(state, token)

    def kl(delta):
        return logsumexp(W @ delta, b=p) - p @ W @ delta

    def gradient(delta):
        q = p * np.exp(W @ delta - logsumexp(W @ delta, b=p))
        return (q - p) @ W

    found = minimize(
        kl,
        start,
        jac=gradient,
        constraints={"type": "ineq", "fun": lambda x: C @ x + c, "jac": lambda x: C},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.success
    return float(found.fun)


SHAPES = [(12, 2), (40, 6), (8, 9), (30, 5)]


@pytest.mark.parametrize("seed", range(16))
def test_a_general_solver_finds_nothing_cheaper(seed):
    V, d = SHAPES[seed % 4]
    state = random_state(seed, V, d, gain=2.0, bias=True, scale=0.5 + seed / 10)
    token = int(state.logits.argsort(descending=True)[1 + seed % (V // 2)])
    try:
        push = least_push(state, token)
    except StabilityError:
        C, c = ahead_of_all(state, token)
        # nowhere is the token above all others by more than nothing
        best = linprog([0.0] * d + [-1.0], A_ub=np.c_[-C, np.ones(V - 1)], b_ub=c,
                       bounds=[(None, None)] * d + [(None, 1.0)])  # fmt: skip
        assert best.x[-1] <= 1e-9
        return
    nats = float(true_kl(state, push.delta))
    least = solved(state, token, push.delta.numpy() + 1e-2)
    assert nats == pytest.approx(least, rel=CLOSE)
    assert push.bound <= least * (1 + 1e-9)  # the solver's own tolerance
    assert nats - push.bound <= CLOSE * nats
    assert int(perturbed_logits(state, push.delta).argmax()) == token


def test_in_a_plane_no_ray_of_a_fan_is_cheaper():
    """By brute force: the first points of 40,000 rays at which the token leads."""
    angles = np.linspace(0, 2 * np.pi, 40_000, endpoint=False)
    units = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for seed, token in ((0, 3), (4, 1), (7, 9), (9, 4)):
        state = random_state(seed, 12, 2, gain=0.5, bias=True)
        C, c = ahead_of_all(state, token)
        slopes = units @ C.T
        with np.errstate(divide="ignore"):
            t = -c / slopes
        low = np.where(slopes > 0, t, -np.inf).max(axis=1)
        high = np.where(slopes < 0, t, np.inf).min(axis=1)
        wins = (low <= high) & (low > 0)
        if token == state.argmax or not wins.any():
            continue
        least = float(true_kl(state, low[wins, None] * units[wins]).min())
        nats = float(true_kl(state, least_push(state, token).delta))
        # the fan is finite: at a corner of the token's cell it errs by its angle of 1.6e-4
        assert least * (1 - 1e-3) <= nats <= least * (1 + CLOSE)


@given(st.integers(0, 10**6), st.integers(1, 20), st.floats(0.1, 5), st.integers(2, 12))
@properties(20)
def test_no_push_that_makes_the_token_win_is_below_the_bound(seed, rank, gain, d):
    """Among them, the plain one: it is never cheaper."""
    state = random_state(seed, 24, d, gain=gain, bias=True)
    token = int(state.logits.argsort(descending=True)[rank])
    try:
        push = least_push(state, token)
    except StabilityError:
        assume(False)
    nats = float(true_kl(state, push.delta))
    assert 0 <= pooled_divergence(state.log_probs, token) <= push.bound <= nats * (1 + 1e-9)
    C, c = ahead_of_all(state, token)
    draw = np.random.default_rng(seed)
    directions = [gradient_of_lead(state, token).numpy()]
    directions += [push.delta.numpy() + draw.standard_normal(d) * size for size in (0.01, 0.1, 1)]
    for direction in directions:
        slopes = C @ direction
        with np.errstate(divide="ignore"):
            low = np.where(slopes > 0, -c / slopes, -np.inf).max()
            high = np.where(slopes < 0, -c / slopes, np.inf).min()
        if 0 < low <= high:
            other = float(far_kl(state, low * direction))
            assert other >= push.bound * (1 - 1e-9)
            assert other >= nats * (1 - CLOSE)


def test_with_room_for_every_token_it_costs_what_pooling_costs():
    """`d ≥ V − 1`: every distribution can be reached, and `H` is singular."""
    for V, d in ((5, 5), (5, 4), (5, 9)):
        state = random_state(V + d, V, d, gain=2.0)
        for token in set(range(V)) - {state.argmax}:
            push = least_push(state, token)
            pooled = pooled_divergence(state.log_probs, token)
            assert push.bound == pytest.approx(pooled, rel=CLOSE)
            assert float(true_kl(state, push.delta)) == pytest.approx(pooled, rel=CLOSE)


def test_flat_directions_get_no_part():
    """Two coordinates that no row has, and one that all rows share, up to the rounding of their sum."""
    state = random_state(3, 20, 4, gain=2.0)
    W = torch.cat([state.readout.W_U, torch.zeros(20, 2), torch.full((20, 1), 7.0)], dim=1).double()
    wide = make_state(W, torch.cat([state.vector, torch.ones(3)]))
    push, narrow = least_push(wide, 5), least_push(state, 5)
    torch.testing.assert_close(push.delta[:4], narrow.delta, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(push.delta[4:], torch.zeros(3).double(), rtol=0, atol=1e-4)


def test_the_first_step_is_the_natural_gradient():
    """`(w_b − w_top)ᵀH⁻¹(w_b − w_top)` by the dense inverse, to a damping of 1e-9 of `tr H`."""
    state = random_state(1)
    g = rows(state)[7] - rows(state)[state.argmax]
    p, W = state.probs.numpy(), rows(state)
    H = (W - p @ W).T @ (p[:, None] * (W - p @ W))
    assert least_push(state, 7).square == pytest.approx(g @ np.linalg.solve(H, g), rel=1e-7)


@pytest.mark.parametrize("state", [nearly_one_hot(gap=g) for g in (12.0, 40.0)])
def test_certain_predictions_are_pushed_too(state):
    push = least_push(state, 5)
    nats = float(far_kl(state, push.delta))
    assert int(perturbed_logits(state, push.delta).argmax()) == 5
    assert push.bound <= nats * (1 + 1e-9)
    assert nats - push.bound <= 1e-3 * nats


def test_probabilities_that_underflow_are_refused_rather_than_wrong():
    """Most constraints are of tokens on which `H` does not rest at all."""
    with pytest.raises(StabilityError, match="logits that rounding hides"):
        least_push(underflowing_state(), 2)


def test_logits_beyond_all_digits_are_refused_in_a_sentence():
    """Gaps of hundreds of nats between rows of length 1e9, in float32."""
    draw = np.random.default_rng(55)
    W = (1e9 * draw.standard_normal((28, 10))).astype(np.float32)
    state = make_state(W, (3e-8 * draw.standard_normal(10)).astype(np.float32))
    refused = []
    for token in set(range(28)) - {state.argmax}:
        try:
            push = least_push(state, token)
        except StabilityError as error:
            refused.append(str(error))
        else:
            assert push.bound <= float(far_kl(state, push.delta)) * (1 + 1e-3)
    assert any("rounding hides" in sentence for sentence in refused)


def test_a_tie_with_a_lower_id_takes_no_divergence():
    state = with_logits(np.random.default_rng(0).standard_normal((6, 3)), np.zeros(6))
    push = least_push(state, 4)
    assert push.bound == 0
    assert float(true_kl(state, push.delta)) < 1e-20


def test_a_token_between_others_is_refused():
    """Its row is the mean of two others'."""
    W = np.random.default_rng(1).standard_normal((6, 3))
    W[5] = 0.5 * (W[0] + W[1])
    state = with_logits(W, [3.0, 2.0, 0.0, 0.0, 0.0, 1.0])
    with pytest.raises(StabilityError, match="others are above it wherever the vector is"):
        least_push(state, 5)


def test_a_crowd_of_tokens_is_refused(monkeypatch):
    monkeypatch.setattr(newton_step, "MOST_LEVEL", 1)
    with pytest.raises(StabilityError, match="too many tokens stay level with it"):
        least_push(random_state(2, gain=0.3), 9)


@pytest.mark.parametrize(
    ("token", "message"),
    [(0, "is already the most likely"), (3, "the same row of W_U"), (40, "between 0 and 4")],
)
def test_a_token_that_cannot_take_over_is_refused(token, message):
    W = np.random.default_rng(0).standard_normal((5, 3))
    W[3] = W[0]
    state = with_logits(W, [2.0, 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(StabilityError, match=message):
        least_push(state, token)


def test_without_curvature_there_is_none():
    state = with_logits(np.random.default_rng(0).standard_normal((3, 2)), [2000.0, 0.0, 0.0])
    with pytest.raises(StabilityError, match="H is zero"):
        least_push(state, 1)
