"""The network above a block, as a function of the vector that leaves the block at one position.

It is the model's own forward pass on a view of the model (`network_view`): the blocks below are
skipped, the block itself returns the given vector, and those above compute with what one pass over the
prompt has left of the earlier tokens (`forward_pass`). A model that leaves nothing runs the prompt up
to the position anew, with the recorded vectors of the block at the earlier ones.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import DynamicCache

from stability.devices import rows_at_once
from stability.models.forward_pass import ForwardPass
from stability.models.network_view import InjectingBlock, SkippedBlock, StandIn, TracedBlock

# keys a block that are repeated for the rows of a batch, on a processor
KEYS_AT_ONCE = 16384
# A row with its graph takes 16·(K + 8)·L·d bytes of a card, with K keys, L blocks and the width d, as
# measured. `rows_at_once` lets a tenth of the card hold 100 bytes a number: so this takes a quarter.
BESIDE_KEYS, NUMBERS_AS_ONE = 8, 16


@dataclass(frozen=True, eq=False)
class NetworkAbove:
    """The blocks above `block` and the final norm, at one position of a prompt."""

    forward_pass: ForwardPass
    position: int
    block: int

    @property
    def named_block(self) -> tuple[str, nn.Module]:
        """The block that the vector leaves, with its qualified name."""
        return list(self.forward_pass.blocks.items())[self.block]

    @property
    def holds_weights(self) -> bool:
        """Whether its graph holds copies of weights: those that are not in linear maps."""
        return self.forward_pass.network.holds_weights

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """Return the vectors after the final norm, for several vectors that leave the block."""
        batches = vectors.to(self._recorded).split(self.at_once)
        return torch.cat([self.inject(batch)[:, 0] for batch in batches])

    @property
    def at_once(self) -> int:
        """How many vectors to run together: on a card each part costs launches."""
        keys, card = self.position + 1, self.forward_pass.network.card
        if not self._recorded.is_cuda:
            return max(KEYS_AT_ONCE // keys, 1)
        numbers = (keys + BESIDE_KEYS) * card.n_layers * card.d_model
        return rows_at_once(self._recorded.device, numbers // NUMBERS_AS_ONE)

    def trajectory(self, vectors: Float[Tensor, "n d"]) -> tuple[Tensor, ...]:
        """Return vectors, the output of each block above, and the last after the final norm.

        All are nodes of one autograd graph; block outputs have axes of length one before the last.
        """
        outputs: list[Tensor] = []
        prelogit = self.inject(vectors, outputs)
        return vectors, *outputs, prelogit

    def prefill(
        self, vectors: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "n D"], DynamicCache | None]:
        """Return the vectors after the final norm, and what is left for later tokens.

        What the blocks above leave is computed from `vectors`; the rest is the prompt's. It is None
        where the model leaves nothing.
        """
        cache = self.forward_pass.cache_before(self.position, len(vectors))
        prelogits = self.inject(vectors.to(self._recorded), cache=cache)[:, 0]
        recorded = self.forward_pass.cache_before(self.position + 1, len(vectors))
        if cache is not None and recorded is not None:
            cache.layers[: self.block + 1] = recorded.layers[: self.block + 1]
        return prelogits, cache

    def inject(
        self,
        vectors: Float[Tensor, "n d"],
        outputs: list[Tensor] | None = None,
        cache: DynamicCache | None = None,
    ) -> Float[Tensor, "n 1 D"]:
        """Run the network above with `vectors` as the output of the block.

        Append the outputs of the blocks above to `outputs`, and what they leave to `cache`, by default
        a copy of the prompt's.
        """
        forward_pass, here = self.forward_pass, self.position
        cache = cache or forward_pass.cache_before(here, len(vectors))
        start, stream = here, vectors[:, None]
        if cache is None:
            start, earlier = 0, forward_pass.block_outputs[self.block][:here]
            stream = torch.cat([earlier.expand(len(vectors), -1, -1), stream], dim=1)
        ids = forward_pass.ids[start : here + 1].expand(len(vectors), -1)
        prelogits = forward_pass.network.prelogits(
            ids, self._stand_ins(stream, outputs), cache, len(forward_pass.ids)
        )
        return prelogits[:, -1:]

    def _stand_ins(
        self, stream: Float[Tensor, "n t d"], outputs: list[Tensor] | None
    ) -> dict[str, StandIn]:
        """Skip the blocks below, let the block return `stream`, and trace those above if asked."""
        stand_ins: dict[str, StandIn] = {}
        blocks, others = self.forward_pass.blocks.items(), self.forward_pass.others
        for index, ((name, block), beside) in enumerate(zip(blocks, others, strict=True)):
            if index < self.block:
                stand_ins[name] = SkippedBlock(block, beside)
            elif index == self.block:
                stand_ins[name] = InjectingBlock(block, stream, beside)
            elif outputs is not None:
                stand_ins[name] = TracedBlock(block, outputs)
        return stand_ins

    @cached_property
    def _recorded(self) -> Float[Tensor, " d"]:
        return self.forward_pass.block_outputs[self.block][self.position]
