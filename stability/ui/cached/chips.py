"""The map of a prompt's tokens, found a few at a time, so that whoever waits goes first."""

from collections.abc import Sequence
from dataclasses import dataclass

from stability.geometry.sensitivity import Sensitivity
from stability.geometry.token_map import MOST_AT_ONCE, positions_at_once, token_map
from stability.models.progress import Report
from stability.prediction.conversation import PromptLike
from stability.prediction.state import State
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import Job, turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.states import POSITIONS, StateKey, states
from stability.ui.cached.turns import Urgency

_jobs = Jobs(POSITIONS, at_once=8)


@dataclass(frozen=True, eq=False)
class Chips:
    """The tokens of a prompt at the readout: how each answers, if known, and its vector's length."""

    sensitivities: Sequence[Sensitivity | None]
    norms: Sequence[float]


class _TokenMap:
    """A map as far as it is found: a run that goes on where the last was stopped."""

    def __init__(self) -> None:
        self.found: list[Sensitivity] = []
        self.chips: Chips | None = None

    def extend(self, at_readout: Sequence[State]) -> None:
        """Find the sensitivities of the next tokens, as many as stand side by side."""
        start = len(self.found)
        stop = start + positions_at_once(at_readout[0].readout.vocab_size)
        self.found[start:] = token_map(at_readout[start:stop])
        norms = self.chips.norms if self.chips else [state.norm for state in at_readout]
        left = len(at_readout) - len(self.found)
        self.chips = Chips([*self.found, *[None] * left], norms)


@cached(POSITIONS, parts=lambda model, prompt: None)
def _map(_: None, model: str, prompt: PromptLike) -> _TokenMap:
    return _TokenMap()


def start_chips(key: StateKey, length: int) -> Job:
    """Find the shortest radius of each of so many tokens, at the readout; of many after all else."""
    names = key.model, key.prompt

    def work(report: Report) -> Chips | None:
        at_readout, begun = states(*names), _map(*names)
        while (done := len(begun.found)) < len(at_readout):
            report("Mapping the tokens", done / len(at_readout))
            with turn():
                begun.extend(at_readout)
        return begun.chips

    urgency = Urgency.CHIPS if length <= MOST_AT_ONCE else Urgency.LONG
    return _jobs.start(names, work, urgency)


def chips_so_far(key: StateKey) -> Chips | None:
    """The tokens with what is found already; None where nothing is."""
    return _map(key.model, key.prompt).chips
