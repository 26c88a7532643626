"""The price list of a position: which next tokens a steering vector buys first, and for how many nats.

Along the vector's slopes `a = dz/dc` the logits are straight lines `z + c·a`. On the plus side, a token
`b` overtakes the most likely one at

    c_b = (z_top − z_b) / (a_b − a_top),

where the quadratic `½ I c_b²` is its price in nats; on the minus side with `−a`. Soft-capping is
monotone, so all is in uncapped logits. At `prelogit` the coefficients are exact, elsewhere predicted.
"""

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability import numerics
from stability.arguments import whole
from stability.curvature import fisher
from stability.errors import StabilityError
from stability.steering.passes.steered_text import SteeredText


@dataclass(frozen=True)
class Price:
    """A token that a steering vector makes more likely than the one that is most likely without it.

    Attributes:
        coefficient: where its linearised logit overtakes, as a positive number on either side.
        nats: `½ I c²` there.
        id: the token.
        text: its characters.

    The cheapest on either side, after the last token of a text::

        minus, plus = stability.dose(lm, "happy.gguf", prompt, site="block:12").prices(n=5)
        [(price.text, price.coefficient, price.nats) for price in plus]
    """

    coefficient: float
    nats: float
    id: int
    text: str


def prices(
    texts: Sequence[SteeredText], index: int, position: int, n: int
) -> tuple[list[Price], list[Price]]:
    """The `n` cheapest tokens at a position, on the minus and on the plus side: see `Dose.prices`."""
    text = texts[index_in(texts, index, "The index of a text", "choose one of them")]
    position = index_in(text.states, position, "A position", "choose one of its tokens")
    count = whole(n, "A number of tokens", example=5)
    slopes = text.slopes(position).cpu().numpy()
    minus, plus = (_cheapest(text, position, sign * slopes, count) for sign in (-1, 1))
    return minus, plus


def index_in(items: Sized, index: Any, what: str, remedy: str) -> int:
    """A non-negative index; raises StabilityError, in which it goes by `what`, unless it is one."""
    most = len(items) - 1
    is_whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    if not is_whole or not -most - 1 <= index <= most:
        raise StabilityError(
            f"{what} must be a whole number between {-most - 1} and {most}; received {index!r:.40}: "
            f"{remedy}."
        )
    return int(index) % (most + 1)


def _cheapest(
    text: SteeredText, position: int, slopes: Float[ndarray, " V"], n: int
) -> list[Price]:
    state, information = text.states[position], float(text.information[position])
    logits, top = state.uncapped_logits.cpu().numpy(), state.argmax
    faster = np.flatnonzero(slopes > slopes[top])
    if not faster.size:
        return []
    c = (logits[top] - logits[faster]) / (slopes[faster] - slopes[top])
    cheapest = numerics.largest(-c, n)
    nats = fisher.quadratic(information, c[cheapest])
    found = zip(c[cheapest].tolist(), nats.tolist(), faster[cheapest].tolist(), strict=True)
    return [Price(at, cost, token, state.text(token)) for at, cost, token in found]
