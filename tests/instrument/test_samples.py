"""Rays whose truth is sampled, in Python and in the scripts, against the library's own search."""

import numpy as np
import pytest
from support.states import make_state, nonlinear_state, random_direction, random_state

import stability
from stability.instrument.epsilons import EPSILON_STEPS
from stability.instrument.line import line

pytestmark = pytest.mark.slow
LEVELS = np.array(EPSILON_STEPS)


def saturating():
    """Below a norm: far out the prediction no longer changes, and large budgets are not reached."""
    draw = np.random.default_rng(2)
    state = random_state(2, gain=2.0)
    scale = 6**0.5
    return make_state(
        state.readout.W_U,
        draw.standard_normal(6),
        above=lambda x: scale * 0.5 * x / x.norm(dim=-1, keepdim=True),
    )


def jumping():
    """Another expert takes over at one tenth of a unit along the first axis."""
    draw = np.random.default_rng(3)
    W = draw.standard_normal((20, 4))

    def above(x):
        return x + 0.8 * (x[..., :1] > 0.1).double()

    return make_state(W, np.array([0.0, 1.0, 0.5, 0.2]), above=above)


STATES = {
    "below": nonlinear_state,
    "steeper": lambda: nonlinear_state(1, gain=4.0),
    "soft-capped": lambda: random_state(softcap=3.0, gain=3.0),
    "saturating": saturating,
    "jumping": jumping,
}


@pytest.fixture(scope="module", params=STATES)
def case(request):
    state = STATES[request.param]()
    along = np.array([1.0, 0, 0, 0]) if request.param == "jumping" else random_direction(state)
    ray = stability.ray(state, along)
    return ray, line(ray)


def test_every_step_has_the_librarys_boundary(case):
    ray, sent = case
    found = ray.find(LEVELS)
    assert sent["kinds"] == found.kinds.tolist()
    distances = np.array(sent["boundaries"], dtype=float)
    expected = np.where(np.isfinite(found.distances), found.distances, np.nan)
    # either is held to 1e-4 of the distance, or better
    np.testing.assert_allclose(distances, expected, rtol=2e-4)


def test_some_kinds_are_met():
    kinds = {kind for state in ("saturating", "jumping") for side in of(state) for kind in side}
    assert {"reached", "jump", "not reached"} <= kinds


def of(name):
    state = STATES[name]()
    along = np.array([1.0, 0, 0, 0]) if name == "jumping" else random_direction(state)
    return line(stability.ray(state, along))["kinds"]


def between(sent, n=40):
    low, high = -sent["reach"][0], sent["reach"][1]
    return np.random.default_rng(0).uniform(low, high, n)


@pytest.mark.browser
def test_divergences_between_samples_agree(scripts, case):
    ray, sent = case
    t = between(sent)
    found = scripts("line.js", "line.kl", sent, [[x] for x in t.tolist()])
    expected = ray.kl(t)
    near_a_jump = np.abs(t - 0.1) < 0.02
    # a divergence may fall back to nothing, between two samples
    expected = np.where(near_a_jump, found, expected)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)


@pytest.mark.browser
def test_probabilities_between_samples_agree(scripts, case):
    ray, sent = case
    t = between(sent)
    found = np.array(scripts("line.js", "line.probabilities", sent, [[x] for x in t.tolist()])).T
    expected = ray.probabilities(t, np.array(sent["ids"]))
    near_a_jump = np.abs(t - 0.1) < 0.02
    np.testing.assert_allclose(found, np.where(near_a_jump, found, expected), rtol=5e-3, atol=1e-5)


@pytest.mark.browser
def test_boundaries_of_steps_and_between_them_agree(scripts, case):
    ray, sent = case
    epsilons = np.concatenate([LEVELS[::5], np.sqrt(LEVELS[1:] * LEVELS[:-1])[::5]])
    asked = [[sign, epsilon] for epsilon in epsilons.tolist() for sign in (-1, 1)]
    found = scripts("line.js", "line.boundary", sent, asked)
    for (sign, epsilon), boundary in zip(asked, found, strict=True):
        side = 0 if sign < 0 else 1
        true = ray.find(np.array([epsilon]))
        if boundary["kind"] == true.kinds[side, 0] == "reached":
            assert boundary["distance"] == pytest.approx(true.distances[side, 0], rel=2e-3)
        elif epsilon in LEVELS:
            assert boundary["kind"] == true.kinds[side, 0]


@pytest.mark.browser
def test_above_a_step_that_is_lost_in_rounding_nothing_is_promised(scripts):
    sent = {
        **{"kind": "sampled", "variance": 2.0, "reach": [2.0, 2.0], "ids": [0], "texts": ["a"]},
        **{"probabilities": [[1.0] * 5], "flips": [[], []]},
        "t": [-2.0, -1.0, 0.0, 1.0, 2.0],
        "kl": [4.0, 1.0, 0.0, 1.0, 4.0],
        "epsilons": [0.01, 0.1, 1.0],
        "boundaries": [[None, None, 1.0], [None, 0.3, 1.0]],
        "kinds": [["unresolved", "unresolved", "reached"], ["unresolved", "reached", "reached"]],
    }
    asked = [[-1, 0.5], [-1, 1.0], [1, 0.05], [1, 0.5]]
    found = scripts("line.js", "line.boundary", sent, asked)
    assert [one["kind"] for one in found] == ["unresolved", "reached", "unresolved", "reached"]
    assert [one["distance"] is None for one in found] == [True, False, True, False]


@pytest.mark.browser
def test_a_closed_form_alone_answers_without_a_truth(scripts):
    state = nonlinear_state()
    ray = stability.ray(state, random_direction(state))
    sent = line(ray, with_truth=False)
    radius = scripts("line.js", "line.predictedRadius", sent, [[0.1]])
    assert radius == [pytest.approx(ray.predicted_radius(0.1))]
    assert scripts("line.js", "line.kl", sent, [[0.1]]) == [None]
    unknown = scripts("line.js", "line.boundary", sent, [[1, 0.1]])
    assert unknown == [{"distance": None, "kind": "not known"}]
