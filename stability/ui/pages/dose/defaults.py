"""What the Dose page begins with, and its shipped scene; no torch is needed to know it."""

import json
from functools import cache
from typing import Any

from stability.steering.scenes import first
from stability.ui.dose_choice import DoseChoice, FromPairs
from stability.ui.widgets.instrument import Sent

PROMPT = first.PROMPT
CHOICE = DoseChoice(
    first.MODEL, PROMPT, FromPairs(first.PAIRS, first.METHOD, first.SITE), None, "all", None
)
# of the texts that are written first
WRITING = (first.STATISTIC, first.SIGN)


@cache
def shipped() -> dict[str, Any]:
    """The scene of the default choice."""
    return first.first()


def sent(choice: DoseChoice | None) -> Sent | None:
    """The shipped scene, if it is that of the choice; scenes that are computed have greater stamps."""
    return _sent() if choice == CHOICE else None


@cache
def _sent() -> Sent:
    return Sent(0, json.dumps(shipped(), ensure_ascii=False, separators=(",", ":")))
