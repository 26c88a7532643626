"""A captured vector and everything that is known where it was captured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from stability import distribution, newton
from stability.readout import Readout


@dataclass(frozen=True)
class Token:
    """One token of a prompt, or of the vocabulary where `index` is its rank."""

    index: int
    id: int
    text: str


@dataclass(frozen=True)
class ModelCard:
    """What a reader of a number needs to know about the model that made it."""

    name: str
    revision: str
    dtype: str
    d_model: int
    n_layers: int
    vocab_size: int


@dataclass(frozen=True, eq=False)
class State:
    """The vector at one site and position of one prompt, with the map from it to the logits.

    `site` is `prelogit`: the vector after the final norm, the one that `W_U` multiplies.
    `text` spells a token id of the vocabulary.
    """

    vector: Float[Tensor, " d"] = field(repr=False)
    readout: Readout = field(repr=False)
    prompt: str
    tokens: tuple[Token, ...] = field(repr=False)
    position: int
    site: str
    model: ModelCard
    text: Callable[[int], str] = field(repr=False)

    @property
    def here(self) -> Token:
        """The token of the prompt at this position."""
        return self.tokens[self.position]

    @cached_property
    def uncapped_logits(self) -> Float[Tensor, " V"]:
        """Logits before any soft-capping: the lines whose upper envelope is the argmax."""
        return self.readout.uncapped(self.vector)

    @cached_property
    def logits(self) -> Float[Tensor, " V"]:
        """Next-token logits at this state, float64."""
        return self.readout.cap(self.uncapped_logits)

    @cached_property
    def log_probs(self) -> Float[Tensor, " V"]:
        """Next-token log-probabilities, in nats."""
        return distribution.log_probs(self.logits)

    @cached_property
    def probs(self) -> Float[Tensor, " V"]:
        """Next-token probabilities `p`."""
        return self.log_probs.exp()

    @cached_property
    def argmax(self) -> int:
        """Id of the most likely next token; ties go to the lowest id."""
        return int(distribution.argmax(self.uncapped_logits))

    @property
    def entropy(self) -> float:
        """Entropy of the next-token distribution, in nats."""
        return float(distribution.entropy(self.log_probs))

    @property
    def margin(self) -> float:
        """Gap between the two largest logits."""
        return float(distribution.margin(self.logits))

    @property
    def norm(self) -> float:
        """Euclidean length of the vector, in its own coordinates."""
        return float(self.vector.double().norm())

    def most_likely(self, n: int) -> tuple[tuple[Token, float], ...]:
        """The `n` most likely next tokens with their probabilities, in order."""
        order = newton.largest(self.log_probs.cpu().numpy(), n).tolist()
        return tuple(
            (Token(rank, i, self.text(i)), float(self.probs[i])) for rank, i in enumerate(order)
        )


def together(states: Sequence[State]) -> list[State]:
    """Copies of states whose logits come from one read of `W_U`.

    What is computed of the copies goes with them, and does not stay with the originals.
    """
    copies = [replace(state) for state in states]
    logits = copies[0].readout.uncapped(torch.stack([state.vector for state in states]))
    for copy, own in zip(copies, logits, strict=True):
        copy.__dict__["uncapped_logits"] = own  # where the cached property keeps it
    return copies
