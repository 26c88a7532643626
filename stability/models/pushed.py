"""The model's own logits after pushes of one vector: whole passes over the prompt, nothing kept.

An independent way to what rays and regions compute: no cache, no entry into the network, no readout of
ours; only the given vectors are added where they belong.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from stability.models.network import Network
from stability.models.network_above import NetworkAbove
from stability.models.network_view import PushedBlock, StandIn
from stability.prediction.state import State


class _PushedUnembedding(StandIn):
    """The unembedding, given vectors to which `deltas` are added at one position, one for each row."""

    def __init__(self, unembedding: Any, position: int, deltas: Float[Tensor, "n D"]) -> None:
        super().__init__(unembedding)
        self.position, self.deltas = position, deltas

    def forward(self, vectors: Tensor, *arguments: Any, **options: Any) -> Tensor:
        """Push, and multiply."""
        pushed = vectors.clone()
        pushed[:, self.position] += self.deltas.to(pushed)
        logits: Tensor = self.__dict__["original"](pushed, *arguments, **options)
        return logits


def pushed_logits(
    network: Network, state: State, deltas: Float[Tensor, "n d"]
) -> Float[Tensor, "n V"]:
    """Return the model's own logits at a state's position, for several pushes of its vector.

    Raises StabilityError where the model's own code fails.
    """
    ids = network.ids(state.tokens)[None]
    with torch.inference_mode():
        logits = network.logits(ids.expand(len(deltas), -1), _stand_ins(network, state, deltas))
    return logits[:, state.position]


def _stand_ins(network: Network, state: State, deltas: Float[Tensor, "n d"]) -> dict[str, StandIn]:
    """What takes the place of the module after which the state was captured, by its name."""
    if isinstance(state.above, NetworkAbove):
        name, block = state.above.named_block
        return {name: PushedBlock(block, state.position, deltas)}
    return {
        name: _PushedUnembedding(module, state.position, deltas)
        for name, module in network.unembedding.items()
    }
