"""Where the spectrum's iteration starts, and what bounds H outside of the vectors found."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import divergence_hessian, make_state, properties, random_state, with_logits

from stability.curvature import fisher, head
from stability.curvature.head import (
    Head,
    head_tokens,
    head_weights,
    norms_outside,
    sample_others,
)
from stability.curvature.row_spread import row_spread
from stability.curvature.subspace import rayleigh_ritz
from stability.prediction.state import State


@pytest.fixture
def small(monkeypatch):
    """A head of few tokens, so that small vocabularies have others."""
    monkeypatch.setattr(head, "FEWEST_TOKENS", 5)
    monkeypatch.setattr(head, "MOST_TOKENS", 20)


def test_the_head_holds_the_likeliest_tokens_within_its_limits(small):
    probs = torch.full((100,), 0.0004, dtype=torch.float64)
    probs[[7, 3, 50]] = torch.tensor([0.5, 0.3, 0.1612], dtype=torch.float64)
    # 0.1612 + 0.3 are 92 % of what the first leaves, and the limit is reached before 95
    tokens = head_tokens(probs)
    assert len(tokens) == 20
    assert set(tokens[:3].tolist()) == {7, 3, 50}
    probs[20:50] = 0
    probs[51:] = 0
    assert len(head_tokens(probs)) == 5
    assert len(head_tokens(probs[:4])) == 4


def test_a_sample_of_the_others_stands_for_their_probability(small):
    state = random_state(V=400, gain=2.0)
    start = Head(row_spread(state))
    others, weights = sample_others(state, start.tokens)
    assert len(others) == len(start.tokens)
    assert not set(others.tolist()) & set(start.tokens.tolist())
    rest = 1 - float(state.probs[start.tokens].sum())
    assert float(weights.sum()) == pytest.approx(rest, rel=1e-12)


def test_a_sample_of_capped_rows_stands_for_their_weight(small):
    state = random_state(V=400, gain=2.0, softcap=1.0)
    start, weights = Head(row_spread(state)), head_weights(state)
    others, counts = sample_others(state, start.tokens)
    # each stands for as much `p f'²` as the next
    stands_for = counts * state.cap_slope[others] ** 2
    rest = float(weights.sum() - weights[start.tokens].sum())
    torch.testing.assert_close(stands_for, torch.full_like(stands_for, rest / len(others)))


def alike_beyond(n: int, V: int = 300, d: int = 12) -> State:
    """The first `n` tokens are likelier than the others, whose rows are all one."""
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(n + 1, d, generator=draw, dtype=torch.float64)
    W_U = torch.cat([rows[:n], rows[n:].expand(V - n, d)])
    logits = torch.randn(V, generator=draw, dtype=torch.float64)
    logits[:n] = logits[:n].abs() + 4
    return with_logits(W_U, logits)


def test_where_the_others_are_alike_their_sample_gives_the_whole_matrix(small):
    state = alike_beyond(20)
    start = Head(row_spread(state))
    torch.testing.assert_close(start._estimate(), divergence_hessian(state), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(start.gram, divergence_hessian(state), rtol=1e-3)


def test_the_estimate_has_the_mean_of_the_others_whatever_the_sample(small):
    """Rows that differ along one axis by far less than all others lie from the mean along another."""
    draw = torch.Generator().manual_seed(1)
    W_U = 1e-3 * torch.randn(300, 12, generator=draw, dtype=torch.float64)
    W_U[20:, 0] += 3 + torch.rand(280, generator=draw, dtype=torch.float64)
    logits = torch.zeros(300, dtype=torch.float64)
    logits[:20] = 4
    state = with_logits(W_U, logits)
    others = state.probs[20:]
    mean = others @ W_U[20:] / others.sum() - state.probs @ W_U
    estimate, axis = Head(row_spread(state))._estimate(), torch.eye(12, dtype=torch.float64)[0]
    sample = (W_U[20:, 0] - W_U[20:, 0].mean()).square().mean()
    # the mean's part exactly, the spread about it (1 % of it) by twenty tokens, to a third or so
    expected = float(others.sum() * (mean[0] ** 2 + sample))
    head_part = float(axis @ Head(row_spread(state)).gram @ axis)
    assert float(axis @ estimate @ axis) - head_part == pytest.approx(expected, rel=0.01)


def test_with_nothing_but_the_head_its_part_is_the_estimate():
    state = random_state()
    start = Head(row_spread(state))
    assert start._estimate() is start.gram
    torch.testing.assert_close(start.gram, divergence_hessian(state), rtol=1e-10, atol=1e-12)


def test_a_sample_starts_nearer_than_the_head_alone(small, monkeypatch):
    state = make_state(
        torch.randn(2000, 60, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    )
    H = fisher.dense(state)
    caught = []
    for estimate in (Head._estimate, lambda self: self.gram):
        monkeypatch.setattr(Head, "_estimate", estimate)
        monkeypatch.setattr(head, "MOST_TOKENS", 200)
        block = Head(row_spread(state)).start(16)
        caught.append(float((block.T @ H @ block).trace()))
    assert caught[0] > caught[1]


@properties(40)
@given(st.integers(0, 10_000), st.floats(0.1, 8), st.integers(1, 8), st.booleans())
def test_nothing_outside_of_ritz_vectors_exceeds_its_bound(seed, gain, b, near):
    """For vectors near the top and for any others; and the trace that is left is never less."""
    state = random_state(seed, V=200, d=20, gain=gain)
    spread, H = row_spread(state), divergence_hessian(state)
    if near:
        Q = torch.linalg.eigh(H).eigenvectors[:, -b:]
    else:
        draw = torch.Generator().manual_seed(seed)
        Q = torch.linalg.qr(torch.randn(20, b, generator=draw, dtype=torch.float64)).Q
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head, "FEWEST_TOKENS", 30)
        patch.setattr(head, "MOST_TOKENS", 60)
        pairs = rayleigh_ritz(Q, H @ Q, b)
        bound = Head(spread).norm_outside(pairs)
        # rows beyond the dimensions of the space change nothing but the time
        same = float(norms_outside(Head(spread).rows, pairs, torch.tensor(spread.trace)))
    outside = torch.eye(20, dtype=torch.float64) - Q @ Q.T
    # 2e-8 is the root of float64's rounding, which the difference of two squares leaves
    rounding = 2e-8 * float(H.trace())
    assert bound >= float(torch.linalg.eigvalsh(outside @ H @ outside)[-1]) - rounding
    # of the difference of two Gram matrices
    assert same == pytest.approx(bound, abs=1e-6 * float(H.trace()))
    assert bound <= float((outside @ H @ outside).trace()) * (1 + 1e-12) + 2e-6 * float(H.trace())
