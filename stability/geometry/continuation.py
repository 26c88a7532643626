"""A text that a model writes after a push, compared with the one it writes without."""

from dataclasses import dataclass

from stability.prediction.provenance import Token

LEAST_KL = 5e-7  # nats; less is rounding of logits in single precision


@dataclass(frozen=True)
class Continuation:
    """A greedy text after a state was moved by `distance` along a direction.

    Attributes:
        distance: the signed length of the move, in the coordinates of the state's vector.
        tokens: the tokens written, in order, counted from 0.
        kl: each new token's divergence from the unperturbed text's at the same step, in nats, as long
            as both go on; from `first_difference` on, it compares predictions after different texts.
        first_difference: index of the first token that differs; None where none does.

    >>> from stability import Continuation, Token
    >>> text = Continuation(0.5, (Token(0, 7, " the"),), kl=(0.02,), first_difference=None)
    >>> "".join(token.text for token in text.tokens)
    ' the'
    """

    distance: float
    tokens: tuple[Token, ...]
    kl: tuple[float, ...]
    first_difference: int | None
