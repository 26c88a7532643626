"""A text that a model writes after a push, compared with the one it writes without."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

# a type only: states bring torch, without which texts are drawn and worded
if TYPE_CHECKING:
    from stability.prediction.state import Token

LEAST_KL = 5e-7  # nats; less is rounding of logits in single precision


@dataclass(frozen=True)
class Continuation:
    """A greedy text after a state was moved by `distance` along a direction.

    `kl` compares each new token's distribution with that of the unperturbed text at the same step, in
    nats, as long as both go on; from token `first_difference` on (None: never) the texts differ, and
    the distributions are those of different texts.

    >>> from stability import Continuation, Token
    >>> text = Continuation(0.5, (Token(0, 7, " the"),), kl=(0.02,), first_difference=None)
    >>> "".join(token.text for token in text.tokens)
    ' the'
    """

    distance: float
    tokens: "tuple[Token, ...]"
    kl: tuple[float, ...]
    first_difference: int | None
