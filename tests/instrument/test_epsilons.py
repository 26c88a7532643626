"""The budgets that a person may choose."""

from stability.instrument.epsilons import EPSILON_STEPS


def test_epsilons_run_from_a_ten_thousandth_to_three_nats():
    assert (EPSILON_STEPS[0], EPSILON_STEPS[-1]) == (1e-4, 3.0)
    assert {0.001, 0.01, 0.1, 1.0} <= set(EPSILON_STEPS)
    assert sorted(set(EPSILON_STEPS)) == list(EPSILON_STEPS)
