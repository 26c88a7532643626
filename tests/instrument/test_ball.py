"""The certified ball of the scripts against the library's."""

import pytest
from support.states import nearly_one_hot, random_state, uniform_state

import stability
from stability.curvature.directions import eigen
from stability.geometry.analysis import along
from stability.instrument.epsilons import EPSILON_STEPS
from stability.instrument.parts import numbers

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("make", [random_state, nearly_one_hot, uniform_state])
def test_the_ball_is_the_librarys_at_every_budget(scripts, make):
    state = make()
    pairs = stability.spectrum(state, k=2)
    analysis = along(state, pairs, eigen(pairs, 0))
    ball = numbers(analysis)["ball"]
    found = scripts("ball.js", "ballRadius", ball, [[epsilon] for epsilon in EPSILON_STEPS])
    expected = [analysis.sensitivity.certified_ball(epsilon) for epsilon in EPSILON_STEPS]
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_state_without_a_ball_has_none_to_send():
    state = nearly_one_hot(gap=800.0)
    pairs = stability.spectrum(state, k=2)
    assert numbers(along(state, pairs, eigen(pairs, 0)))["ball"] is None
