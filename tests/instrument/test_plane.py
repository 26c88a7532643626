"""The plane that a browser holds against the library's, at the same points."""

import json

import numpy as np
import pytest
from support.states import (
    nearly_one_hot,
    nonlinear_state,
    random_state,
    underflowing_state,
    uniform_state,
)

import stability
from stability.instrument.plane import plane
from stability.instrument.polar import LEVELS

# relative, of a divergence: twice the tolerance for merging, which is measured at other points
AGREEMENT = 1e-4


def large(seed: int, sharpness: float, V: int = 6000, d: int = 24):
    """A vocabulary that has to be merged."""
    random = np.random.default_rng(seed)
    W = random.normal(size=(V, d)) * random.gamma(2.0, size=(V, 1))
    return stability.bare_state(W, sharpness * random.normal(size=d))


EXACT = {
    "soft": lambda: large(0, 0.0),
    "sharp": lambda: large(1, 0.2),
    "sharper": lambda: large(2, 0.5),
    "small vocabulary": random_state,
    "certain": nearly_one_hot,
    "even": uniform_state,
    "underflowing": underflowing_state,
}


def of(state, seed=0):
    random = np.random.default_rng(seed)
    return stability.region(state, *random.normal(size=(2, state.width)))


@pytest.fixture(scope="module", params=EXACT.values(), ids=EXACT)
def exact(request):
    region = of(request.param())
    return region, plane(region)


def points(region, seed=1, n=24):
    """Points within reach, at angles of which none is in the table."""
    random = np.random.default_rng(seed)
    angles = random.uniform(0, 2 * np.pi, n)
    nats = np.exp(random.uniform(np.log(LEVELS[0]), np.log(LEVELS[-1]), n))
    r = [region.boundary(e, np.array([a]))[0] for e, a in zip(nats, angles, strict=True)]
    return np.array(r) * np.cos(angles), np.array(r) * np.sin(angles)


def test_a_plane_is_json(exact):
    json.dumps(exact[1], allow_nan=False)


def test_the_table_holds_the_boundaries(exact):
    region, sent = exact
    for level in (0, 7, -1):
        found = np.exp([row[level] for row in sent["log_distances"][::7]])
        expected = region.boundary(LEVELS[level], np.array(sent["angles"][::7]))
        # written to five places of the logarithm
        np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.browser
def test_divergences_agree_at_any_point(scripts, exact):
    region, sent = exact
    x, y = points(region)
    found = scripts("plane.js", "plane.kl", sent, np.stack([x, y], axis=1).tolist())
    np.testing.assert_allclose(found, region.kl(x, y), rtol=AGREEMENT)


@pytest.mark.browser
def test_the_outline_is_the_boundary_between_levels(scripts, exact):
    region, sent = exact
    for epsilon in (0.0123, 1.7):
        [outline] = scripts("plane.js", "plane.outline", sent, [[epsilon]])
        found = np.hypot(*np.array(outline)[::7].T)
        expected = region.boundary(epsilon, np.array(sent["angles"][::7]))
        # a pixel or two of a picture: where a token takes over a curve bends between two levels
        np.testing.assert_allclose(found, expected, rtol=1e-2)


@pytest.mark.browser
def test_the_most_likely_token_and_probabilities_agree(scripts, exact):
    region, sent = exact
    half = sent["cells_extent"]
    x, y = np.random.default_rng(2).uniform(-half, half, (2, 20))
    asked = np.stack([x, y], axis=1).tolist()
    winners = [winner["id"] for winner in scripts("plane.js", "plane.winner", sent, asked)]
    assert winners == region.argmax(x, y).tolist()
    nats = region.kl(x, y)
    found = scripts("plane.js", "plane.probabilities", sent, np.stack([x, y, nats], 1).tolist())
    log_probs = region.state.log_probs.numpy()
    shifts = region.slopes @ np.stack([x, y])
    expected = np.exp(log_probs[:, None] + shifts - nats)[sent["ids"]].T
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("state", [nonlinear_state, lambda: random_state(softcap=3.0)])
def test_a_plane_that_is_run_has_the_boundaries_and_no_atoms(state):
    region = of(state())
    sent = plane(region)
    json.dumps(sent, allow_nan=False)
    assert not sent["exact"]
    assert sent["atoms"] is None
    angles = np.array(sent["angles"])[::5]
    for level in (0, 9, -1):
        row = np.array([row[level] for row in sent["log_distances"]], dtype=float)[::5]
        expected = region.boundary(sent["levels"][level], angles)
        reached = np.isfinite(expected)
        assert (np.isfinite(row) == reached).all()
        # a power law over a fifth of the distance
        np.testing.assert_allclose(np.exp(row[reached]), expected[reached], rtol=1e-2)


@pytest.mark.browser
def test_divergences_of_a_plane_that_is_run_are_near(scripts):
    region = of(nonlinear_state())
    sent = plane(region)
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 12)
    r = region.boundary(0.05, angles)
    asked = np.stack([r * np.cos(angles), r * np.sin(angles)], axis=1)[np.isfinite(r)]
    found = scripts("plane.js", "plane.kl", sent, asked.tolist())
    # from a table of 36 angles
    np.testing.assert_allclose(found, 0.05, rtol=5e-2)


def test_a_plane_with_a_flat_direction_is_none():
    state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    assert plane(stability.region(state, np.ones(3), np.array([1.0, -1.0, 0.0]))) is None
