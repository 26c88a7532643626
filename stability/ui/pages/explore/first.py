"""The first scene: that of the default choice, shipped, and drawn before torch is imported."""

from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import MODELS
from stability.instrument.examples import EXAMPLES
from stability.ui.choice import Choice
from stability.ui.widgets.instrument import Sent

CHOICE = Choice(MODELS[0], EXAMPLES["a sure fact"].prompt, -1, DirectionSpec("eig", 0))


def sent(choice: Choice) -> Sent | None:
    """The shipped scene, if it is that of the choice; a session's own have greater stamps."""
    return None
