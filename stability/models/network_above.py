"""The network above a block, as a function of the vector that leaves the block at one position.

It is the model's own forward pass on a view of the model (`network_view`): the blocks below are
skipped, the block itself returns the given vector, and those above compute with the keys and values
that one pass over the prompt has recorded (`forward_pass`).
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import DynamicCache

from stability.models.forward_pass import ForwardPass, run_with_blocks
from stability.models.network_view import InjectingBlock, RecordingBlock, SkippedBlock

# keys a block that are repeated for the rows of a batch
KEYS_AT_ONCE = 16384


@dataclass(frozen=True, eq=False)
class NetworkAbove:
    """The blocks above `block` and the final norm, at one position of a prompt."""

    forward_pass: ForwardPass
    position: int
    block: int

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """Return the vectors after the final norm, for several vectors that leave the block."""
        rows = max(KEYS_AT_ONCE // (self.position + 1), 1)
        batches = vectors.to(self._recorded).split(rows)
        return torch.cat([self.inject(batch)[:, 0] for batch in batches])

    def trajectory(self, vector: Float[Tensor, " d"]) -> tuple[Tensor, ...]:
        """Return one vector, the output of each block above, and the last after the final norm.

        All are nodes of one autograd graph; block outputs have axes of length one before the last.
        """
        outputs: list[Tensor] = []
        prelogit = self.inject(vector[None], outputs)
        return vector, *outputs, prelogit

    def prefill(self, vectors: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n D"], DynamicCache]:
        """Return the vectors after the final norm, and the keys and values for later tokens.

        Keys and values of the blocks above are computed from `vectors`; the others are the prompt's.
        """
        cache = self.forward_pass.cache_before(self.position, len(vectors))
        prelogits = self.inject(vectors.to(self._recorded), cache=cache)[:, 0]
        recorded = self.forward_pass.cache_before(self.position + 1, len(vectors))
        cache.layers[: self.block + 1] = recorded.layers[: self.block + 1]
        return prelogits, cache

    def inject(
        self,
        vectors: Float[Tensor, "n d"],
        outputs: list[Tensor] | None = None,
        cache: DynamicCache | None = None,
    ) -> Float[Tensor, "n 1 D"]:
        """Run the network above with `vectors` as the output of the block.

        Append the outputs of the blocks above to `outputs`, and their keys and values to `cache`, by
        default a copy of the prompt's.
        """
        blocks: list[nn.Module] = []
        for index, block in enumerate(self.forward_pass.blocks):
            if index < self.block:
                blocks.append(SkippedBlock(block))
            elif index == self.block:
                blocks.append(InjectingBlock(block, vectors))
            else:
                blocks.append(block if outputs is None else RecordingBlock(block, outputs))
        ids = self.forward_pass.ids[self.position].expand(len(vectors), 1)
        cache = cache or self.forward_pass.cache_before(self.position, len(vectors))
        return run_with_blocks(self.forward_pass.body, blocks, ids, cache)

    @cached_property
    def _recorded(self) -> Float[Tensor, " d"]:
        return self.forward_pass.block_outputs[self.block][self.position]
