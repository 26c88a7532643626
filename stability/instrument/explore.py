"""The instrument in a notebook: `stability.explore`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.arguments import nats, whole
from stability.curvature.direction import Direction, unit
from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import LEADING_PAIRS
from stability.errors import StabilityError
from stability.instrument.epsilons import LARGEST_EPSILON, SMALLEST_EPSILON
from stability.prediction.source import Source
from stability.prediction.state import State

if TYPE_CHECKING:
    from stability.instrument.widget import Instrument


def explore(
    states: State | Sequence[State],
    direction: str | Direction | Float[Tensor, " d"] | Float[ndarray, " d"] = "eig:0",
    *,
    k: int = LEADING_PAIRS,
    epsilon: float = 0.01,
    lm: Source | None = None,
) -> "Instrument":
    """Show the instrument in a notebook: the ray, the region and the numbers of a state, to be moved.

    `ε`, `t` and the point of the plane follow the hand without the kernel; another token, direction or
    plane is asked of it. With all states of a prompt every token can be looked at::

        stability.explore(lm.capture_all("The capital of France is"))

    Args:
        states: a captured state, or those of one prompt at one site; the last is looked at first.
        direction: a written form such as `eig:0` or `tokens:5,7`, or a vector (d,).
        k: number of eigenpairs.
        epsilon: the budget that is set first, from 1e-4 to 3 nats.
        lm: the language model, for directions that need other prompts: `prompt:TEXT`,
            `covariance:SEED`.

    Returns:
        A widget, which displays itself as the last value of a cell.

    Raises:
        StabilityError: anywidget is not installed, there is no state, or they are not of one prompt and
            site; there is no such direction, or `epsilon` is not among those that can be set.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> widget = stability.explore(state, np.array([-1.0, 1.0, 0.0]))
    >>> widget.scene["next"][0]["text"]
    '<0>'
    """
    try:
        from stability.instrument.widget import Instrument
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"The instrument in a notebook needs anywidget, and {error.name!r} is not installed: run "
            "`pip install 'stability[notebook]'`."
        ) from error
    from stability.instrument.exploration import Exploration, Look

    budget = _budget(epsilon)
    given = (states,) if isinstance(states, State) else tuple(states)
    _require_one_prompt(given)
    look = Look(given[-1], _asked(direction, given[-1].width))
    exploration = Exploration(given, look, whole(k, "The number of eigenpairs", least=1), lm)
    return Instrument(exploration, {"epsilon": budget})


def _budget(epsilon: float) -> float:
    if not SMALLEST_EPSILON <= (budget := nats(epsilon)) <= LARGEST_EPSILON:
        raise StabilityError(
            f"Epsilon must be from {SMALLEST_EPSILON:g} to {LARGEST_EPSILON:g} nats in the instrument; "
            f"received {budget:g}: try 0.01."
        )
    return budget


def _asked(direction: str | Direction | Tensor | ndarray, width: int) -> DirectionSpec | Direction:
    if isinstance(direction, str):
        return DirectionSpec.parse(direction)
    if isinstance(direction, Direction):
        return direction
    return Direction("file", "your vector", unit(direction, width))


def _require_one_prompt(states: Sequence[State]) -> None:
    """Raise StabilityError unless the states are positions of one prompt at one site."""
    kinds = {(state.model, str(state.prompt), state.site) for state in states}
    if len(kinds) != 1:
        sites = sorted({state.site for state in states})
        raise StabilityError(
            f"The states must be positions of one prompt at one site; received {len(states)}, at "
            f"{', '.join(sites) or 'no site'}: give lm.capture_all(prompt, site)."
        )
