"""The cheapest push beside the plain one, at every kind of state; and the list of rivals."""

import contextlib
import itertools

import numpy as np
import pytest
import torch
from support.states import (
    make_state,
    nonlinear_state,
    perturbed_logits,
    random_state,
    true_kl,
    uniform_state,
    with_logits,
)

import stability
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.directions import resolve
from stability.errors import StabilityError
from stability.geometry.cheapest_push import cheapest_to
from stability.geometry.push_to_token import Push
from stability.prediction.pooling import pooled_divergence
from stability.prediction.state import State

STATES = {
    "linear": random_state(1, bias=True, scale=0.7),
    "single": random_state(1, dtype=torch.float32),
    "capped": random_state(2, softcap=4.0),
    "deep": nonlinear_state(3),
}


class NoSource:
    """No other states are asked for."""

    def capture(self, prompt, position=-1, site="prelogit"):
        raise AssertionError

    def background(self, site, pause):
        raise AssertionError


def winner(state: State, t: float, direction: torch.Tensor) -> int:
    return int(perturbed_logits(state, t * direction).argmax())


def checked(state: State, token: int) -> Push:
    """A push whose every number is compared with the definition of the logits, in float64."""
    push = stability.cheapest_push(state, token)
    assert (push.id, push.text) == (token, f"<{token}>")
    assert push.probability == pytest.approx(float(state.probs[token]))
    # float32 states have their rounding, and crossings below the readout are held to 1e-4
    assert winner(state, push.distance * (1 + 3e-4), push.direction) == token
    assert winner(state, push.distance * (1 - 3e-4), push.direction) != token
    nats = float(true_kl(state, push.distance * push.direction))
    assert push.nats == pytest.approx(nats, rel=1e-3)
    assert 0 < pooled_divergence(state.log_probs, token) <= push.bound * (1 + 1e-9)
    assert push.bound <= push.nats * (1 + 1e-5)
    assert push.gap == max(push.nats - push.bound, 0)
    zero = torch.zeros(state.width, dtype=torch.float64)
    J = torch.func.jacrev(lambda delta: perturbed_logits(state, delta))(zero)
    plain = (J[token] - J[state.argmax]) / (J[token] - J[state.argmax]).norm()
    if push.plain_distance is not None:
        assert winner(state, push.plain_distance * (1 + 3e-4), plain) == token
        nats = float(true_kl(state, push.plain_distance * plain))
        assert push.plain_nats == pytest.approx(nats, rel=2e-3)
        assert push.times_cheaper == push.plain_nats / push.nats
    return push


@pytest.mark.parametrize("name", STATES)
def test_every_number_is_that_of_the_definition(name):
    state = STATES[name]
    for rank in (1, 3):
        push = checked(state, int(state.logits.argsort(descending=True)[rank]))
        if state.is_linear:
            assert push.gap <= 1e-4 * push.nats
            assert push.plain_nats is None or push.times_cheaper >= 1 - 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_push_costs_less_than_its_bound(dtype):
    """By no hair: both come of shifts of the logits that are rounded, each in its own way."""
    gaps = []
    for seed in range(24):
        draw = np.random.default_rng(seed)
        V, d = int(draw.integers(8, 300)), int(draw.integers(2, 40))
        state = random_state(seed, V, d, gain=10 ** draw.uniform(-1, 1), dtype=dtype)
        order = state.logits.argsort(descending=True).tolist()
        for rank in (1, 5):
            with contextlib.suppress(StabilityError):
                push = stability.cheapest_push(state, order[rank])
                assert push.nats >= push.bound
                gaps.append(push.gap / push.nats)
    assert len(gaps) > 30
    # a millionth is left to gain; the shifts are rounded by up to 1e-6 of the logits in float32
    assert max(gaps) <= (1e-4 if dtype == torch.float32 else 3e-6)


def test_nearly_level_tokens_have_a_bound_below_their_cost():
    for dtype, missing in itertools.product((torch.float32, torch.float64), (1e-7, 1e-9, 1e-12)):
        W_U = torch.eye(3, dtype=dtype)
        push = stability.cheapest_push(with_logits(W_U, [1.0, 1.0 - missing, 0.0]), 1)
        assert 0 <= push.bound <= push.nats


def test_of_two_tokens_the_plain_push_is_the_cheapest():
    """In one dimension there is one way; and the closed form is that of the difference of logits."""
    state = with_logits([[0.0], [2.0]], [1.0, 0.0])
    push = stability.cheapest_push(state, 1)
    assert push.distance == pytest.approx(0.5)  # where 2t closes the gap of one nat
    assert push.times_cheaper == pytest.approx(1.0, rel=1e-9)
    variance = float(state.probs[0] * state.probs[1]) * 4
    assert push.predicted == pytest.approx(0.5 * 0.5**2 * variance)
    assert push.nats == pytest.approx(pooled_divergence(state.log_probs, 1))


def test_a_token_that_the_plain_push_never_reaches_is_reached():
    """Along `w_2 − w_0` token 1, whose row is the longer, is always above token 2."""
    W = np.array([[0.0, 0.0], [3.0, 0.0], [1.0, 0.2]])
    push = checked(with_logits(W, [2.0, 1.0, 0.0]), 2)
    assert push.plain_distance is None
    assert push.times_cheaper is None


def test_of_several_targets_the_cheapest_is_found():
    state = STATES["linear"]
    order = state.logits.argsort(descending=True).tolist()
    alone = {token: stability.cheapest_push(state, token).nats for token in order[3:12]}
    found = stability.cheapest_push(state, order[3:12])
    assert found.id == min(alone, key=alone.get)
    assert found.nats == pytest.approx(min(alone.values()))


def test_rivals_are_the_cheapest_of_all_tokens():
    """Each token has been pushed to."""
    state = random_state(5, V=16, d=6, gain=2.0)
    costs = {}
    for token in set(range(16)) - {state.argmax}:
        try:
            costs[token] = stability.cheapest_push(state, token).nats
        except StabilityError:
            continue
    tried = []
    found = stability.rivals(state, 4, tried.append)
    assert tried == [*range(len(tried))]
    cheapest = sorted(costs, key=costs.get)[:4]
    assert found.is_complete
    assert [push.id for push in found.pushes] == cheapest
    # within a thousandth each
    assert [push.nats for push in found.pushes] == pytest.approx(
        [costs[token] for token in cheapest], rel=1e-3
    )


def failure(state: State, token: int) -> StabilityError | None:
    try:
        stability.cheapest_push(state, token)
    except StabilityError as error:
        return error
    return None


def test_rivals_say_what_those_cost_that_were_not_tried_or_not_solved_for():
    """A problem that was not solved says nothing of its token: it may be the cheapest of all."""
    state = random_state(6, V=60, d=3, gain=1.0)
    found = stability.rivals(state, 1)
    order = state.log_probs.argsort(descending=True)[1:6].tolist()
    failed = [type(failure(state, token)) is StabilityError for token in order[:4]]
    assert any(failed)
    least = [pooled_divergence(state.log_probs, token) for token in order]
    assert found.others == min(
        x for x, has_failed in zip(least, failed, strict=False) if has_failed
    )
    assert found.is_complete == (found.others >= found.pushes[-1].nats)
    assert not found.is_complete


def test_of_targets_that_were_not_solved_for_the_least_they_cost_is_known():
    state = random_state(6, V=60, d=3, gain=1.0)
    order = state.log_probs.argsort(descending=True)[1:5].tolist()
    failed = [token for token in order if type(failure(state, token)) is StabilityError]
    assert 0 < len(failed) < len(order)
    [push], others = cheapest_to(state, order)
    assert push.id not in failed
    assert others == min(pooled_divergence(state.log_probs, token) for token in failed)
    _, others = cheapest_to(state, [token for token in order if token not in failed])
    assert others == float("inf")


def test_rivals_are_complete_without_tokens_that_nothing_makes_win():
    """A row inside the others, and one like that of the most likely: both are proven out of reach."""
    W = np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, 0.0], [1.0, 0.0]])
    found = stability.rivals(with_logits(W, [2.0, 0.5, 0.0, 0.9, 1.0]), 4)
    assert sorted(push.id for push in found.pushes) == [1, 2]
    assert (found.others, found.is_complete) == (float("inf"), True)


def test_fewer_rivals_than_asked_for_are_all():
    found = stability.rivals(random_state(2, V=4, d=6), 20)
    assert len(found.pushes) == 3
    assert (found.others, found.is_complete) == (float("inf"), True)


def test_a_tie_costs_nothing():
    push = stability.cheapest_push(uniform_state(), 3)
    assert (push.distance, push.nats, push.predicted, push.bound) == (0, 0, 0, 0)
    assert push.times_cheaper is None


def test_a_token_that_is_never_reached_has_no_numbers():
    """Below a network that saturates: `tanh` keeps the logits from meeting."""
    W = np.array([[5.0, 0.0], [0.0, 1.0]])
    state = make_state(W, np.array([1.0, 0.0]), above=lambda x: 1 + 0.1 * x.tanh())
    push = stability.cheapest_push(state, 1)
    assert (push.distance, push.nats, push.gap, push.times_cheaper) == (None,) * 4


@pytest.mark.parametrize("name", STATES)
def test_a_written_direction_is_that_of_the_push(name):
    state = STATES[name]
    token = int(state.logits.argsort(descending=True)[2])
    spec = DirectionSpec.parse(f"cheapest:{token}")
    direction = resolve(spec, state, stability.spectrum(state, 1), NoSource())
    assert str(spec) == f"cheapest:{token}"
    assert spec.label == f"cheapest push to id {token}"
    assert direction.label == f"cheapest push to <{token}>"
    torch.testing.assert_close(
        direction.vector, stability.cheapest_push(state, token).direction, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("kind", [torch.tensor, np.array])
def test_an_array_of_ids_is_a_target_with_or_without_axes(kind):
    state = STATES["linear"]
    for given, same in ((kind(3), 3), (kind([3, 4, 3]), [3, 4])):
        assert stability.cheapest_push(state, given).id == stability.cheapest_push(state, same).id


@pytest.mark.parametrize("target", [[], -1, 40, [3, 40], torch.tensor(1.5), True])
def test_what_is_no_token_is_refused(target):
    with pytest.raises(StabilityError):
        stability.cheapest_push(STATES["linear"], target)


def test_rivals_need_linear_logits():
    for name in ("capped", "deep"):
        with pytest.raises(StabilityError, match="Logits must be linear"):
            stability.rivals(STATES[name])
