"""One recorded forward pass over a prompt, and passes that continue from its keys and values.

As attention is causal, the keys and values of earlier positions do not depend on a later vector: they
are computed once, and reused for every perturbation of it.
"""

import copy
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from stability.errors import StabilityError
from stability.models.network_view import RecordingBlock, blocks_of, view_with_blocks


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One pass of a model's `body` over a prompt's token ids.

    `block_outputs` are the residual stream leaving each block, `prelogits` the vectors after the final
    norm, and `cache` the keys and values of every block and position.
    """

    body: Any
    ids: Int[Tensor, " T"]
    block_outputs: tuple[Float[Tensor, "T d"], ...]
    prelogits: Float[Tensor, "T D"]
    cache: DynamicCache

    @property
    def blocks(self) -> nn.ModuleList:
        """The model's own blocks."""
        return blocks_of(self.body)

    def cache_before(self, position: int, rows: int) -> DynamicCache:
        """Copy the keys and values of all positions before `position`, for a batch of `rows`.

        A cache grows by replacing its tensors, so the copy can grow and leave the original alone.
        """
        earlier = copy.copy(self.cache)
        earlier.layers = [
            _first_tokens(layer, position, rows)
            for layer in self.cache.layers
            if isinstance(layer, DynamicLayer)
        ]
        return earlier


def run_forward(body: Any, ids: Int[Tensor, " T"]) -> ForwardPass:
    """Run a model's body over a prompt, and record the output of every block.

    Raises StabilityError where the body has no list of blocks, where a block returns more than a
    tensor, and where a block keeps something other than keys and values.
    """
    outputs: list[Tensor] = []
    cache = DynamicCache(config=body.config)
    for layer in cache.layers:
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise StabilityError(
                f"Sites below the final norm need keys and values that are kept; "
                f"{type(body).__name__} keeps a {type(layer).__name__}: use site 'prelogit'."
            )
        if isinstance(layer, DynamicSlidingWindowLayer):
            # keeps all positions: one in the middle of the prompt needs its own window
            layer.activate_past_recording()
    recording: list[nn.Module] = [RecordingBlock(block, outputs) for block in blocks_of(body)]
    with torch.no_grad():
        prelogits = run_with_blocks(body, recording, ids[None], cache)[0]
    return ForwardPass(body, ids, tuple(output[0] for output in outputs), prelogits, cache)


def run_with_blocks(
    body: Any, blocks: list[nn.Module], ids: Int[Tensor, "n T"], cache: DynamicCache
) -> Float[Tensor, "n T D"]:
    """Run a view of a model's body with other blocks, as `run_cached` runs the body itself."""
    return run_cached(view_with_blocks(body, blocks_of(body), blocks), ids, cache)


def run_cached(body: Any, ids: Int[Tensor, "n T"], cache: DynamicCache) -> Float[Tensor, "n T D"]:
    """Run a model's body over the tokens that follow those in `cache`, which grows by them.

    Return the vectors after the final norm.
    """
    # transformers renames the argument model by model, and warns of the old name
    name = "cache" if "cache" in signature(body.forward).parameters else "past_key_values"
    return body(input_ids=ids, use_cache=True, **{name: cache}).last_hidden_state


def _first_tokens(layer: DynamicLayer, length: int, rows: int) -> DynamicLayer:
    """Copy a layer of a cache as it was after the first `length` tokens, for a batch of `rows`."""
    earlier = copy.copy(layer)
    earlier.keys, earlier.values = (
        tensor[:, :, :length].expand(rows, -1, -1, -1)
        for tensor in (layer.keys, layer.values)
        if tensor is not None
    )
    if isinstance(earlier, DynamicSlidingWindowLayer):
        earlier.cumulative_length = length
    return earlier
