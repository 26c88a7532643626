"""A network that reports gives what it would give, and says how far it is."""

import pytest
import torch
from support.states import nonlinear_state

from stability.errors import StoppedError
from stability.ui.cached.reported import TOGETHER, Reported


def test_it_gives_what_the_network_gives_and_says_how_much_has_been_run():
    state, heard = nonlinear_state(), []
    reported = Reported(state.above, 300, lambda message, fraction: heard.append(fraction))
    vectors = state.vector + torch.randn(150, state.width, dtype=torch.float64)
    # rows of a product may be rounded otherwise in a smaller batch
    torch.testing.assert_close(reported(vectors), state.above(vectors), rtol=1e-12, atol=1e-12)
    reported(vectors)
    parts = [0, TOGETHER, 2 * TOGETHER]
    assert heard == [done / 300 for done in (*parts, *(150 + part for part in parts))]
    for own, given in zip(
        reported.trajectory(state.vector[None]),
        state.above.trajectory(state.vector[None]),
        strict=True,
    ):
        assert torch.equal(own, given)


def test_it_ends_where_its_report_does():
    state = nonlinear_state()

    def stop(message, fraction):
        raise StoppedError("It was stopped: start it again.")

    with pytest.raises(StoppedError):
        Reported(state.above, 1, stop)(state.vector[None])
