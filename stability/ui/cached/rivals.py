"""Cached results of the list of rivals, made in the background: the cheapest pushes of a prediction."""

from dataclasses import replace

from stability.defaults import RIVALS
from stability.geometry.rivals import Rivals, most_tried, rivals
from stability.models.progress import Report
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import Job
from stability.ui.cached.states import StateKey, state, states
from stability.ui.cached.within import position_within

_rivals = Jobs(8, takes_turns=True)


def start_rivals(key: StateKey) -> Job:
    """Find the cheapest rivals of a prediction; what has failed is not tried again unasked."""
    last = len(states(key.model, key.prompt, key.site)) - 1
    key = replace(key, position=position_within(key.position, last)[0])
    known = _rivals.find(key)
    if known and not (known.future.done() and known.is_stopped):
        return known
    here = state(key)

    def work(report: Report) -> Rivals:
        most = most_tried(here, RIVALS)
        return rivals(
            here,
            progress=lambda tried: report(
                f"Solving for the push to token {tried + 1}", tried / most
            ),
        )

    return _rivals.start(key, work)
