"""Long work with a state pauses: between products, and runs of the network; it can be ended there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.states import nonlinear_state, random_state

from stability.curvature import fisher
from stability.curvature.least_push import least_push
from stability.curvature.spectrum import spectrum
from stability.errors import StoppedError
from stability.geometry.ray import ray
from stability.geometry.region import region
from stability.geometry.token_map import token_map
from stability.prediction.perturbation import PERTURBATIONS_AT_ONCE, perturb

WIDTH = 6
AXES = torch.eye(WIDTH, dtype=torch.float64)
LONG = {
    "spectrum": lambda state: spectrum(state, 2),
    "whole matrix": fisher.dense,
    "cheapest push": lambda state: least_push(state, int(state.probs.topk(2).indices[1])),
    "boundaries": lambda state: ray(state, AXES[0]).boundaries(np.array([0.01, 0.1])),
    "flips": lambda state: ray(state, AXES[0]).flips(2),
    "plane": lambda state: region(state, AXES[0], AXES[1]).cells((-1.0, 1.0, -1.0, 1.0)),
}
AT_READOUT = {
    "cheapest push": LONG["cheapest push"],
    "all tokens": lambda state: token_map([state]),
}


class Counted:
    """A pause that counts, and ends the work at a given call."""

    def __init__(self, last: float = float("inf")) -> None:
        self.count, self.last = 0, last

    def __call__(self) -> None:
        self.count += 1
        if self.count > self.last:
            raise StoppedError("It was stopped: start it again.")


def paused(work, state):
    """Some work pauses, and ends where it is told to, at its first or its last pause."""
    counted = Counted()
    work(replace(state, pause=counted))
    assert counted.count
    for last in (0, counted.count - 1):
        with pytest.raises(StoppedError):
            work(replace(state, pause=Counted(last)))


@pytest.mark.parametrize("name", LONG)
def test_work_below_the_readout_pauses_and_can_be_ended(name):
    paused(LONG[name], nonlinear_state(d=WIDTH))


@pytest.mark.parametrize("name", AT_READOUT)
def test_work_at_the_readout_pauses_and_can_be_ended(name):
    paused(AT_READOUT[name], random_state(d=WIDTH))


@pytest.mark.parametrize("state", [nonlinear_state(), random_state()], ids=["deep", "readout"])
def test_so_many_perturbations_are_run_between_pauses_and_none_changes_what_is_found(state):
    counted = Counted()
    draw = torch.Generator().manual_seed(0)
    moves = torch.randn(2 * PERTURBATIONS_AT_ONCE + 1, state.width, generator=draw).double()
    found = perturb(replace(state, pause=counted), moves)
    assert counted.count == 3
    for i in (0, PERTURBATIONS_AT_ONCE, 2 * PERTURBATIONS_AT_ONCE):
        alone = perturb(state, moves[i : i + 1])
        # products of other sizes may be rounded otherwise, in float64
        assert found.kl[i] == pytest.approx(alone.kl[0], rel=1e-9)
        assert found.argmax[i] == alone.argmax[0]
        torch.testing.assert_close(found.displacement[i], alone.displacement[0])
    assert len(perturb(state, moves[:0]).kl) == 0
