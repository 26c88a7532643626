"""What a model writes after a push."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

# a type only: states bring torch, without which texts are drawn and worded
if TYPE_CHECKING:
    from stability.prediction.state import Token

ROUNDING = 5e-7  # nats; less is rounding of logits in single precision


@dataclass(frozen=True)
class Continuation:
    """What is written after a state was moved by `distance`, and how far each step's prediction is.

    `kl` compares each new token's distribution with that of the unperturbed text at the same step, in
    nats, as long as both go on; from `first_difference` on the texts differ, and so does what the two
    are predicting.
    """

    distance: float
    tokens: "tuple[Token, ...]"
    kl: tuple[float, ...]
    first_difference: int | None
