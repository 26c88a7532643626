"""What the Dose page begins with, and its shipped scene; no torch is needed to know it."""

import json
from functools import cache
from typing import Any

from stability.steering import first
from stability.ui.dose_choice import DoseChoice, FromPairs
from stability.ui.widgets.instrument import Sent

PROMPT, PAIRS = first.PROMPT, first.PAIRS
# of the first model, known before it is loaded
BLOCKS = {first.MODEL: first.BLOCKS}
CHOICE = DoseChoice(
    first.MODEL, PROMPT, FromPairs(PAIRS, first.METHOD, first.SITE), None, "all", None
)
# of the texts that are written first
WRITING = (first.STATISTIC, first.SIGN)


def middle(blocks: int) -> int:
    """The block after which vectors are measured first."""
    return blocks // 2


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
