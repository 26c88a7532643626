"""The scripts' mathematics against the library's, on the same rays."""

import numpy as np
import pytest
import torch
from support.states import (
    binary_state,
    nearly_one_hot,
    random_direction,
    random_state,
    underflowing_state,
)

import stability
from stability.exact.slope_distribution import boundaries
from stability.instrument.epsilons import LARGEST_EPSILON
from stability.instrument.law import LEADING, law

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EPSILONS = [1e-4, 1e-3, 0.01, 0.1, 1.0, LARGEST_EPSILON]
# relative; of the bound for merging, a tenth
AGREEMENT = 1e-6


def synthetic(seed: int, sharpness: float, V: int = 3000, d: int = 24):
    random = np.random.default_rng(seed)
    W = random.normal(size=(V, d)) * random.gamma(2.0, size=(V, 1))
    return stability.bare_state(W, sharpness * random.normal(size=d))


def rays():
    for seed, sharpness in enumerate((0.0, 0.3, 1.0, 3.0)):
        state = synthetic(seed, sharpness)
        vectors = stability.spectrum(state, k=3).vectors
        yield stability.ray(state, vectors[:, 0])
        yield stability.ray(state, torch.from_numpy(np.random.default_rng(seed).normal(size=24)))
    for state in (
        nearly_one_hot(),
        nearly_one_hot(1, gap=25.0),
        binary_state(1e-6),
        underflowing_state(),
        random_state(3, gain=0.1, bias=True, scale=0.2),
        random_state(4, V=2000, gain=8.0),
        random_state(5, V=60, d=2, gain=30.0),
    ):
        yield stability.ray(state, random_direction(state))
    yield stability.ray(
        stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0])), np.array([-1.0, 1.0, 0.0])
    )


@pytest.fixture(scope="module", params=list(rays()))
def ray(request):
    return request.param


@pytest.fixture(scope="module")
def sent(ray):
    """What a browser is given: JSON and back is what the driver makes of it."""
    return law(ray).as_json()


def points(sent, n=9):
    shares = np.geomspace(1e-4, 1, n)
    return np.concatenate([-shares * sent["reach"][0], shares * sent["reach"][1]])


SIDES = [[sign, epsilon] for epsilon in EPSILONS for sign in (-1, 1)]


def test_divergences_agree_to_a_millionth(scripts, ray, sent):
    t = points(sent)
    found = scripts("law.js", "kl", sent, [[x] for x in t.tolist()])
    expected = ray.exact.distribution.tokens.kl_and_slope(t)[0]
    np.testing.assert_allclose(found, expected, rtol=AGREEMENT)


def test_predicted_radii_agree(scripts, ray, sent):
    found = scripts("law.js", "predictedRadius", sent, [[epsilon] for epsilon in EPSILONS])
    np.testing.assert_allclose(found, [ray.predicted_radius(e) for e in EPSILONS], rtol=1e-9)


def test_boundaries_agree_to_a_millionth(scripts, ray, sent):
    found = scripts("law.js", "boundary", sent, SIDES)
    tokens = ray.exact.distribution.tokens
    expected = boundaries(tokens, np.array(EPSILONS)).T.ravel()
    np.testing.assert_allclose(found, expected, rtol=AGREEMENT)


def test_certificates_agree(scripts, ray, sent):
    found = scripts("certificate.js", "bracket", sent, SIDES)
    expected = [side for epsilon in EPSILONS for side in ray.certificate(epsilon)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_probabilities_agree_and_the_most_likely_token_is_the_same(scripts, ray, sent):
    t = points(sent, 5)
    expected = ray.probabilities(t)
    found = scripts("law.js", "probabilities", sent, [[x] for x in t.tolist()])
    np.testing.assert_allclose(
        np.array(found).T, expected[sent["ids"]], rtol=AGREEMENT, atol=1e-300
    )
    winners = scripts("law.js", "winner", sent, [[x] for x in t.tolist()])
    assert [sent["ids"][place] for place in winners] == expected.argmax(axis=0).tolist()


def test_what_is_sent_is_small(sent):
    assert len(sent["ids"]) <= LEADING
    assert len(sent["values"]) <= 4 * 1024
    assert abs(np.exp(sent["log_weights"]).sum() - 1) < 1e-12


def test_a_direction_without_effect_has_no_law():
    state = stability.bare_state(np.ones((3, 2)), np.array([1.0, 0.0]))
    assert law(stability.ray(state, np.array([1.0, 0.0]))) is None
