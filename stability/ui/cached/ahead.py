"""What may be asked for next of a token that is looked at, found while nothing else is to be done."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import LEADING_PAIRS
from stability.models.progress import Report
from stability.ui.cached.background import Jobs
from stability.ui.cached.explore import AT_ONCE, Along, known_line
from stability.ui.cached.job import TURN, Job
from stability.ui.cached.keyed import looking_ahead
from stability.ui.cached.states import sensed_at, states
from stability.ui.cached.turns import Urgency
from stability.ui.direction_choice import DirectionChoice

# eigendirections, and tokens of a prompt, that are looked at
AHEAD = 8
# seconds between two looks at whether anyone has the turn
PAUSE = 0.05
_ahead = Jobs(32, at_once=AT_ONCE)


def start_ahead(along: Along, direction: DirectionChoice) -> list[Job]:
    """Look along other eigendirections, then at other tokens, at the readout."""
    key = along.key
    if key.site != "prelogit":
        return []
    spec = direction if isinstance(direction, DirectionSpec) and direction.kind == "eig" else None

    @looking_ahead()
    def work(report: Report) -> None:
        ranks = range(len(along.analysis.spectrum.eigenvalues[:LEADING_PAIRS]))
        others = [other for rank in ranks if (other := DirectionSpec("eig", rank)) != spec]
        for other in others[:AHEAD]:
            _wait(partial(report, "Looking along the other eigendirections", 0.0))
            known_line(key, other)
        positions = range(len(states(key.model, key.prompt, key.site)))
        near = sorted(positions, key=lambda position: abs(position - key.position))
        for position in near[1 : AHEAD + 1]:
            _wait(partial(report, "Looking at the other tokens", 0.0))
            there = replace(key, position=position)
            sensed_at(there, LEADING_PAIRS)
            if spec:
                known_line(there, spec)

    return [_ahead.start((key, spec), work, Urgency.LONG)]


def _wait(go_on: Callable[[], None]) -> None:
    """Wait until no network runs: who asks meanwhile for what is found next would wait for this."""
    go_on()
    while not TURN.is_idle():
        time.sleep(PAUSE)
        go_on()
