"""Vectors at positions and blocks of a prompt, from one forward pass."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from stability.models.checks import checked_forward_pass, require_finite
from stability.models.network import Network
from stability.models.network_above import NetworkAbove
from stability.prediction.provenance import Token

# a position, and the block that a vector leaves there; None at the readout
Place = tuple[int, int | None]


def captured(
    network: Network, tokens: Sequence[Token], places: Sequence[Place]
) -> list[tuple[Float[Tensor, " d"], NetworkAbove | None]]:
    """The vector at each place, and the network above it; all at the readout, or all below it.

    Raises StabilityError as `LanguageModel.capture` does.
    """
    below = [(position, block) for position, block in places if block is not None]
    if below:
        recorded = checked_forward_pass(network, tokens, below)
        return [
            (recorded.block_outputs[block][position], NetworkAbove(recorded, position, block))
            for position, block in below
        ]
    with torch.inference_mode():
        [prelogits] = network.prelogits(network.ids(tokens)[None]).float()
    require_finite(prelogits, network.model, network.card)
    return [(prelogits[position], None) for position, _ in places]
