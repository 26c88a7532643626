"""The plane that a browser holds against the library's, at the same points."""

import json

import numpy as np
import pytest
from support.states import nearly_one_hot, random_state, uniform_state

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


def underflowing():
    """Token 0 is as likely as token 1; the others' probabilities are less than float64 can hold."""
    random = np.random.default_rng(0)
    z = np.concatenate([[0.0, 0.0, -3.0], np.full(37, -760.0)])
    W = random.normal(size=(40, 4)) * np.where(z < -700, 300.0, 1.0)[:, None]
    return stability.bare_state(np.column_stack([W, z]), np.array([0.0, 0, 0, 0, 1.0]))


EXACT = {
    "soft": lambda: large(0, 0.0),
    "sharp": lambda: large(1, 0.2),
    "sharper": lambda: large(2, 0.5),
    "small vocabulary": random_state,
    "certain": nearly_one_hot,
    "even": uniform_state,
    "underflowing": underflowing,
}


def of(state, seed=0):
    random = np.random.default_rng(seed)
    return stability.region(state, *random.normal(size=(2, state.width)))


@pytest.fixture(scope="module", params=EXACT.values(), ids=EXACT)
def exact(request):
    region = of(request.param())
    return region, plane(region)


def points(region, seed=1, n=60):
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
        found = np.exp([row[level] for row in sent["log_distances"]])
        expected = region.boundary(LEVELS[level], np.array(sent["angles"]))
        # written to five places of the logarithm
        np.testing.assert_allclose(found, expected, rtol=2e-5)


@pytest.mark.browser
def test_divergences_agree_at_any_point(scripts, exact):
    region, sent = exact
    x, y = points(region)
    found = scripts("plane.js", "plane.kl", sent, np.stack([x, y], axis=1).tolist())
    np.testing.assert_allclose(found, region.kl(x, y), rtol=AGREEMENT)
