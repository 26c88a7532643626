"""States at positions and sites of a prompt, from one forward pass."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from stability.models.checks import checked_forward_pass, require_finite
from stability.models.network_above import NetworkAbove
from stability.prediction.provenance import Token
from stability.prediction.state import State

if TYPE_CHECKING:
    from stability.models.language_model import LanguageModel


def states_at(
    lm: "LanguageModel",
    prompt: str,
    tokens: tuple[Token, ...],
    places: Sequence[tuple[int, int | None, str]],
) -> tuple[State, ...]:
    """Return the state at each (position, block, site); all at the readout, or all below it.

    Raises StabilityError as `LanguageModel.capture` does.
    """
    at_blocks = [(position, block) for position, block, _ in places if block is not None]
    if at_blocks:
        recorded = checked_forward_pass(lm.network, tokens, at_blocks)
        vectors = [recorded.block_outputs[block][position] for position, block in at_blocks]
        above: list[NetworkAbove | None] = [
            NetworkAbove(recorded, position, block) for position, block in at_blocks
        ]
    else:
        prelogits = lm.prelogits(torch.tensor([[token.id for token in tokens]]))[0]
        require_finite(prelogits, lm.model, lm.card)
        vectors = [prelogits[position] for position, _, _ in places]
        above = [None] * len(places)
    return tuple(
        State(vector, lm.readout, prompt, tokens, position, site, lm.card, lm.text, network)
        for (position, _, site), vector, network in zip(places, vectors, above, strict=True)
    )
