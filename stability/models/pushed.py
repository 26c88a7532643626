"""The model's own logits after pushes of one vector: whole passes over the prompt, nothing kept.

An independent way to what rays and regions compute: no cache, no entry into the network, no readout of
ours; only the given vectors are added where they belong.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stability.models.foreign import foreign
from stability.models.language_model import LanguageModel
from stability.models.network_above import NetworkAbove
from stability.models.network_view import PushedBlock, StandIn, view
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
    lm: LanguageModel, state: State, deltas: Float[Tensor, "n d"]
) -> Float[Tensor, "n V"]:
    """Return the model's own logits at a state's position, for several pushes of its vector.

    Raises StabilityError where the model's own code fails.
    """
    ids = torch.tensor([[token.id for token in state.tokens]], device=lm.model.device)
    pushed = view(lm.model, _stand_ins(lm, state, deltas))
    with torch.inference_mode(), foreign("Running", lm.card.name):
        logits = pushed(input_ids=ids.expand(len(deltas), -1), use_cache=False).logits
    return logits[:, state.position]


def _stand_ins(
    lm: LanguageModel, state: State, deltas: Float[Tensor, "n d"]
) -> dict[str, nn.Module]:
    """What takes the place of the module after which the state was captured, by its name."""
    if isinstance(state.above, NetworkAbove):
        above = state.above
        name, block = list(above.forward_pass.blocks.items())[above.block]
        return {name: PushedBlock(block, state.position, deltas)}
    unembedding: Any = lm.model.get_output_embeddings()
    return {
        name: _PushedUnembedding(module, state.position, deltas)
        for name, module in lm.model.named_modules(remove_duplicate=False)
        if module is unembedding
    }
