"""The map of a long prompt, in parts."""

import pytest
import torch
from support.states import make_state, random_state

from stability.errors import StoppedError
from stability.geometry.token_map import MOST_AT_ONCE
from stability.geometry.token_map import token_map as whole_map
from stability.ui.cached import chips
from stability.ui.cached.keyed import forget_results
from stability.ui.cached.states import StateKey
from stability.ui.cached.turns import Urgency

KEY = StateKey("tiny", "a long prompt", 0)
PARTS = 3


@pytest.fixture
def prompt(monkeypatch):
    """The states of a prompt of three parts."""
    readout = random_state(0, 60, 8).readout
    draw = torch.Generator().manual_seed(0)
    vectors = torch.randn(PARTS * MOST_AT_ONCE - 5, 8, generator=draw)
    found = tuple(make_state(readout.W_U, vector) for vector in vectors)
    monkeypatch.setattr(chips, "states", lambda model, prompt: found)
    forget_results()
    return found


def test_a_map_that_is_stopped_goes_on_where_it_was(prompt, monkeypatch):
    asked = []

    def mapped(part):
        asked.append(len(part))
        # the first run is stopped while it finds its second part
        if len(asked) == 2:
            job.stop()
        return whole_map(part)

    monkeypatch.setattr(chips, "token_map", mapped)
    assert chips.chips_so_far(KEY) is None
    # no run ends before it can be named
    with chips.turn():
        job = chips.start_chips(KEY, len(prompt))
    with pytest.raises(StoppedError):
        job.future.result()
    some = chips.chips_so_far(KEY)
    known = [one is not None for one in some.sensitivities]
    assert known == [index < 2 * MOST_AT_ONCE for index in range(len(prompt))]
    found = chips.start_chips(KEY, len(prompt)).future.result()
    assert asked == [MOST_AT_ONCE, MOST_AT_ONCE, MOST_AT_ONCE - 5]
    assert found is chips.chips_so_far(KEY)
    # where another model is let go, what is known besides the work is forgotten
    forget_results()
    assert chips.start_chips(KEY, len(prompt)).future.result() is found
    assert found.sensitivities == whole_map(prompt)
    assert found.norms == [state.norm for state in prompt]


def test_a_long_map_lets_all_else_go_first_and_a_short_one_does_not(prompt):
    long, short = (chips.start_chips(StateKey("tiny", str(n), 0), n) for n in (1000, 5))
    assert long.urgency > Urgency.PLANE > short.urgency
    long.future.result()
    short.future.result()
