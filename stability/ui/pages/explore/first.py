"""The first scene: that of the default choice, shipped, and drawn before torch is imported."""

import json
from functools import cache

from stability.instrument import first
from stability.ui.choice import Choice
from stability.ui.widgets.instrument import Sent

CHOICE = Choice(first.MODEL, first.PROMPT, -1, first.DIRECTION)


def tokens() -> int:
    """The number of its tokens."""
    return len(first.first()["tokens"])


def sent(choice: Choice) -> Sent | None:
    """The shipped scene, if it is that of the choice."""
    return _shipped() if choice == CHOICE else None


@cache
def _shipped() -> Sent:
    """Scenes that are computed for a session have greater stamps."""
    return Sent(0, json.dumps(first.first(), ensure_ascii=False, separators=(",", ":")))
