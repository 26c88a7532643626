"""The map of a prompt: all its positions at once, against each alone."""

import math
from dataclasses import replace

import pytest
import torch
from support.states import (
    Function,
    divergence_hessian,
    make_state,
    nearly_one_hot,
    random_direction,
    random_state,
    true_kl,
)

from stability.curvature.fisher import dense
from stability.curvature.row_spread import row_spread
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.exact.flips import nearest
from stability.geometry.sensitivity import sensitivity
from stability.geometry.token_map import (
    BLOCK,
    FEWEST_AT_ONCE,
    MOST_AT_ONCE,
    positions_at_once,
    token_map,
)
from stability.prediction.state import State


def prompt_states(
    n: int,
    V: int = 500,
    d: int = 40,
    scale: float = 1.0,
    bias: bool = True,
    softcap: float | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[State]:
    """States of one readout, from nearly uniform to nearly certain."""
    first = random_state(0, V, d, dtype=dtype, bias=bias, scale=scale)
    readout = first.readout
    draw = torch.Generator().manual_seed(1)
    gains = torch.linspace(0.1, 5, n)
    vectors = gains[:, None] * torch.randn(n, d, generator=draw) / (scale * d**0.5)
    return [make_state(readout.W_U, vector, readout.bias, scale, softcap) for vector in vectors]


@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("n", [1, 5, MOST_AT_ONCE, MOST_AT_ONCE + 1])
def test_every_eigenvalue_is_the_first_of_its_own_spectrum(n, scale):
    states = prompt_states(n, scale=scale)
    expected = torch.stack([spectrum(state, 1).eigenvalues[0] for state in states])
    eigenvalues = torch.tensor([s.eigenvalue for s in token_map(states)], dtype=torch.float64)
    torch.testing.assert_close(eigenvalues, expected, rtol=2e-4, atol=0)
    assert len(expected.unique()) == n  # or a shuffled map would pass


@pytest.mark.parametrize("V", [400, 3000])
def test_every_upper_bound_is_above_a_dense_eigenvalue_and_no_looser_than_from_the_trace(V):
    """Beyond 256 tokens the head is not all; the longest iterations end after several passes."""
    states = prompt_states(40, V=V, d=60, bias=False, dtype=torch.float64)
    for state, at_position in zip(states, token_map(states), strict=True):
        values = torch.linalg.eigvalsh(dense(state)).flip(0)
        largest = float(values[0])
        # the tolerance of the iteration
        assert largest * (1 - 2e-4) <= at_position.eigenvalue <= largest * (1 + 1e-12)
        assert at_position.upper >= largest
        # by the trace beside a block of so many vectors, were they known without error
        assert at_position.upper <= 1.01 * max(largest, float(values[BLOCK:].sum()))


def test_a_map_in_parts_is_the_map():
    states = prompt_states(MOST_AT_ONCE + 3, bias=False)
    parts = token_map(states[:MOST_AT_ONCE]) + token_map(states[MOST_AT_ONCE:])
    assert parts == token_map(states)
    assert token_map([]) == []


def test_fewer_positions_stand_side_by_side_where_the_vocabulary_is_large():
    assert positions_at_once(50_000) == MOST_AT_ONCE
    assert FEWEST_AT_ONCE < positions_at_once(100_000) < MOST_AT_ONCE
    assert positions_at_once(262_144) == FEWEST_AT_ONCE


def test_entropies_are_those_of_the_states():
    states = prompt_states(5)
    expected = [-math.fsum(p * math.log(p) for p in s.probs.tolist()) for s in states]
    # logits are float32 products, which round differently alone and together
    assert [s.entropy for s in token_map(states)] == pytest.approx(expected, rel=1e-6)


def test_the_radius_is_where_the_quadratic_reaches_epsilon():
    for at_position in token_map(prompt_states(4)):
        radius = at_position.radius(0.01)
        assert radius is not None
        assert 0.5 * at_position.eigenvalue * radius**2 == pytest.approx(0.01, rel=1e-12)


def test_every_position_has_the_numbers_of_its_state_alone():
    states = prompt_states(MOST_AT_ONCE + 2, bias=False)
    for state, at_position in zip(states, token_map(states), strict=True):
        alone = row_spread(state)
        assert at_position.reach == pytest.approx(alone.reach, rel=1e-5)
        assert at_position.token_constraint_bound == pytest.approx(
            alone.token_constraint_bound(), rel=1e-5
        )
        flip = nearest(state)
        assert at_position.nearest_flip.id == flip.id
        assert at_position.nearest_flip.distance == pytest.approx(flip.distance, abs=1e-6)


def test_the_upper_bound_is_above_the_eigenvalue_and_the_ball_is_certified():
    states = prompt_states(6)
    for state, at_position in zip(states, token_map(states), strict=True):
        assert at_position.upper >= float(torch.linalg.eigvalsh(dense(state))[-1]) * (1 - 1e-5)
        radius = at_position.certified_ball(0.1)
        assert 0 < radius < at_position.radius(0.1)
        for seed in range(20):
            assert true_kl(state, radius * random_direction(state, seed)) <= 0.1


def test_the_upper_bound_is_tight_where_the_block_holds_all_of_the_spectrum():
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(200, BLOCK, generator=draw) @ torch.randn(BLOCK, 30, generator=draw)
    state = make_state(rows, torch.randn(30, generator=draw) / 10)
    [alone] = token_map([state])
    largest = float(torch.linalg.eigvalsh(dense(state))[-1])
    # the trace and the Ritz values are float32 products apart
    assert largest * (1 - 1e-5) <= alone.upper <= largest * (1 + 1e-4)


def test_nothing_is_kept_alive_by_the_states():
    states = prompt_states(3)
    token_map(states)
    assert all("probs" not in vars(state) for state in states)


@pytest.mark.parametrize("gap", [5.0, 20.0])
def test_a_nearly_certain_state_keeps_its_digits(gap):
    state = nearly_one_hot(V=400, d=20, gap=gap)
    expected = float(spectrum(state, 1).eigenvalues[0])
    assert token_map([state])[0].eigenvalue == pytest.approx(expected, rel=2e-4)


def test_a_certain_state_has_no_radius_and_leaves_the_others_alone():
    rows = torch.randn(30, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    certain, open_ = make_state(rows, 1e5 * rows[3]), make_state(rows, 0.1 * rows[3])
    first, second = token_map([certain, open_])
    assert first.radius(0.1) is None
    assert first.certified_ball(0.1) is None
    assert first.entropy == 0
    expected = float(spectrum(open_, 1).eigenvalues[0])
    assert second.eigenvalue == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize(("V", "d"), [(2, 1), (3, 2), (2, 6)])
def test_fewer_dimensions_than_the_block_are_enough(V, d):
    state = random_state(V=V, d=d)
    expected = float(spectrum(state, 1).eigenvalues[0])
    assert token_map([state])[0].eigenvalue == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("softcap", [0.5, 5.0, 30.0])
def test_a_map_of_capped_logits_has_the_eigenvalues_and_nearest_flips_of_each_state(softcap):
    states = prompt_states(MOST_AT_ONCE + 2, scale=0.7, softcap=softcap)
    for state, at_position in zip(states, token_map(states), strict=True):
        alone = sensitivity(state, spectrum(state, 1))
        assert at_position.eigenvalue == pytest.approx(alone.eigenvalue, rel=2e-4)
        largest = float(torch.linalg.eigvalsh(divergence_hessian(state))[-1])
        # float32 products beside the passes' tolerance
        assert at_position.eigenvalue == pytest.approx(largest, rel=2e-4)
        for each in (at_position, alone):
            assert each.nearest_flip.id == nearest(state).id
            assert each.nearest_flip.distance == pytest.approx(nearest(state).distance, abs=1e-6)
            assert each.upper is each.reach is each.token_constraint_bound is None
            assert each.certified_ball(0.1) is None


def test_a_map_needs_logits_that_are_linear_in_every_state_but_for_capping():
    linear = random_state()
    below = replace(linear, site="final", above=Function(lambda x: x))
    with pytest.raises(StabilityError, match="of tiny at 'final': capture it at 'prelogit'"):
        token_map([linear, below])


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan])
def test_radii_need_positive_nats(epsilon):
    with pytest.raises(StabilityError, match="positive number of nats"):
        token_map([random_state()])[0].radius(epsilon)
