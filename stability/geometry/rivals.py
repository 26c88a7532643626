"""The cheapest rivals of a prediction: the tokens that take over for the least divergence.

What no push at all does it for less than, the divergence of the pooled prediction, orders the
candidates: it never grows with a token's probability. The closed form does not order them: rare
tokens, on whose rows `H` hardly rests, seem nearly free.
"""

from collections.abc import Callable
from dataclasses import dataclass

from stability.arguments import whole
from stability.defaults import MOST_RIVALS, RIVALS
from stability.errors import StabilityError
from stability.geometry.cheapest_push import cheapest_of
from stability.geometry.push_to_token import Push
from stability.prediction.premise import require_linear
from stability.prediction.state import State

TOLERANCE = 1e-3  # of a divergence in the list
MOST_CANDIDATES = 4  # times as many as are listed


@dataclass(frozen=True, eq=False)
class Rivals:
    """The tokens that win for the least divergence, each with its push.

    Attributes:
        pushes: the cheapest first.
        others: what every token costs at least that was not tried, or whose problem was not solved, in
            nats; infinite where there is none.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 1.0]))
    >>> found = stability.rivals(state, 1)
    >>> found.pushes[0].id, round(found.others, 3), found.is_complete
    (2, 0.248, True)
    """

    pushes: tuple[Push, ...]
    others: float

    @property
    def is_complete(self) -> bool:
        """Whether no other token is cheaper than the last that is listed."""
        return all(push.nats is not None and push.nats <= self.others for push in self.pushes)


def rivals(
    state: State, n: int = RIVALS, progress: Callable[[int], None] = lambda tried: None
) -> Rivals:
    """The `n` tokens that take over for the least divergence, each with its cheapest push.

    Candidates are tried in order of probability until none that is left can be among the cheapest, or
    four times as many have been tried. A token that no push makes win is left out; so is one whose
    problem rounding, or too many tokens that stay level, leave unsolved, for which `others` stands.

    Args:
        state: at `prelogit`, without soft-capping.
        n: how many are listed, at most a thousand.
        progress: called with the number of tokens that have been tried, of at most `4n`; what it raises
            ends the work.

    Returns:
        The pushes, in order of their true divergence, each within a thousandth of the least.

    Raises:
        StabilityError: `n` is below 1 or too large, or the logits are not linear.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 1.0]))
    >>> [(push.id, round(push.nats, 3)) for push in stability.rivals(state, 2).pushes]
    [(2, 0.101), (1, 0.248)]
    """
    n = require_listed(n)
    require_linear(state)
    order = state.log_probs.argsort(descending=True, stable=True).tolist()
    tokens = [token for token in order if token != state.argmax]
    return Rivals(*cheapest_of(state, tokens, n, most_tried(state, n), TOLERANCE, progress))


def require_listed(n: int) -> int:
    """A number of rivals; raises StabilityError unless it is one, and not too large."""
    if whole(n, "A number of rivals") > MOST_RIVALS:
        raise StabilityError(
            f"A number of rivals must be at most {MOST_RIVALS:,}, as each is a problem of its own; "
            f"received {n:,}: try {RIVALS}."
        )
    return int(n)


def most_tried(state: State, n: int) -> int:
    """The number of tokens that are tried at the most for `n` rivals."""
    return min(MOST_CANDIDATES * n, state.readout.vocab_size - 1)
