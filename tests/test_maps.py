"""The map of a prompt: all its positions at once, against each alone."""

import math

import pytest
import torch
from states import make_state, nearly_one_hot, random_state, with_logits

from stability.errors import StabilityError
from stability.maps import AT_ONCE, token_map
from stability.spectra import spectrum
from stability.state import State


def prompt_states(n: int, V: int = 500, d: int = 40, scale: float = 1.0) -> list[State]:
    """States of one readout, from nearly uniform to nearly certain."""
    first = random_state(0, V, d, dtype=torch.float32, bias=True, scale=scale)
    readout = first.readout
    draw = torch.Generator().manual_seed(1)
    gains = torch.linspace(0.1, 5, n)
    vectors = gains[:, None] * torch.randn(n, d, generator=draw) / (scale * d**0.5)
    return [make_state(readout.W_U, vector, readout.bias, scale) for vector in vectors]


@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("n", [1, 5, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 3])
def test_every_eigenvalue_is_the_first_of_its_own_spectrum(n, scale):
    states = prompt_states(n, scale=scale)
    expected = torch.stack([spectrum(state, 1).eigenvalues[0] for state in states])
    found = token_map(states)
    torch.testing.assert_close(found.eigenvalues, expected, rtol=2e-4, atol=0)
    assert len(expected.unique()) == n  # or a shuffled map would pass


def test_entropies_are_those_of_the_states():
    states = prompt_states(5)
    expected = [-math.fsum(p * math.log(p) for p in s.probs.tolist()) for s in states]
    assert token_map(states).entropies.tolist() == pytest.approx(expected, rel=1e-12)


def test_the_radius_is_where_the_quadratic_reaches_epsilon():
    found = token_map(prompt_states(4))
    for value, radius in zip(found.eigenvalues.tolist(), found.radii(0.01), strict=True):
        assert radius is not None
        assert 0.5 * value * radius**2 == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize("gap", [5.0, 20.0])
def test_a_nearly_certain_state_keeps_its_digits(gap):
    state = nearly_one_hot(V=400, d=20, gap=gap)
    expected = float(spectrum(state, 1).eigenvalues[0])
    assert token_map([state]).eigenvalues.tolist() == pytest.approx([expected], rel=2e-4)


def test_a_certain_state_has_no_radius_and_leaves_the_others_alone():
    rows = torch.randn(30, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits = torch.zeros(30, dtype=torch.float64)
    logits[3] = 1e4
    certain, open_ = with_logits(rows, logits), with_logits(rows, logits / 1e4)
    found = token_map([certain, open_])
    assert found.radii(0.1)[0] is None
    assert found.entropies[0] == 0
    expected = float(spectrum(open_, 1).eigenvalues[0])
    assert float(found.eigenvalues[1]) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize(("V", "d"), [(2, 1), (3, 2), (2, 6)])
def test_fewer_dimensions_than_the_block_are_enough(V, d):
    state = random_state(V=V, d=d)
    expected = float(spectrum(state, 1).eigenvalues[0])
    assert token_map([state]).eigenvalues.tolist() == pytest.approx([expected], rel=2e-4)


def test_capped_logits_are_refused():
    with pytest.raises(StabilityError, match="soft-caps them at 30"):
        token_map([random_state(softcap=30.0)])


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan])
def test_radii_need_positive_nats(epsilon):
    with pytest.raises(StabilityError, match="positive number of nats"):
        token_map([random_state()]).radii(epsilon)
