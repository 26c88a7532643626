"""One recorded forward pass over a prompt, and what its earlier tokens leave for later passes.

As a causal model's earlier positions do not depend on a later vector, what they leave (keys, values,
recurrent states) is computed once, and reused for every perturbation of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache

from stability.errors import StabilityError
from stability.models.cache_copy import can_be_cut, first_tokens, for_rows, keep_all_positions
from stability.models.network import Network
from stability.models.network_view import RecordingBlock, StandIn, others_of, stream_of

# positions whose recurrent states are kept, once computed
PREFIXES = 4


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """One pass of a network over a prompt's token ids.

    Attributes:
        network: what was run.
        ids: the prompt.
        blocks: the model's own blocks, by qualified name.
        others: how many values each block returns beside the residual stream; None for a lone tensor.
        block_outputs: the residual stream leaving each block.
        prelogits: the vectors that the unembedding is given.
        cache: what all positions have left, or None where passes run the prompt anew.
    """

    network: Network
    ids: Int[Tensor, " T"]
    blocks: dict[str, nn.Module]
    others: tuple[int | None, ...]
    block_outputs: tuple[Float[Tensor, "T d"], ...]
    prelogits: Float[Tensor, "T D"]
    cache: DynamicCache | None

    def cache_before(self, position: int, rows: int) -> DynamicCache | None:
        """Copy what all positions before `position` have left, for a batch of `rows`."""
        if self.cache is None:
            return None
        if can_be_cut(self.cache):
            return first_tokens(self.cache, position, rows)
        return for_rows(self._prefix_caches(position), rows)

    @cached_property
    def _prefix_caches(self) -> Any:
        return lru_cache(PREFIXES)(self._run_prefix)

    def _run_prefix(self, length: int) -> DynamicCache | None:
        return run_prefix(self.network, self.ids[:length], len(self.ids))


def run_prefix(
    network: Network, ids: Int[Tensor, " t"], length: int | None = None
) -> DynamicCache | None:
    """Return what the first tokens of a text leave for later ones, None if the model keeps nothing."""
    cache = network.new_cache()
    if cache is not None and len(ids):
        with torch.no_grad():
            network.prelogits(ids[None], cache=cache, length=length)
    return cache


def run_forward(
    network: Network,
    ids: Int[Tensor, " T"],
    cached: bool = True,
    stand_ins: Mapping[str, StandIn] | None = None,
) -> ForwardPass:
    """Run a prompt through a network, and record the output of every block.

    Keep what each position leaves if `cached` and the model keeps it. Of blocks with a stand-in, by
    qualified name, its output is recorded.

    Raises StabilityError where the model's blocks are no list of modules that run once each, in order,
    and where what leaves a block is not one vector for each token.
    """
    cache = network.new_cache() if cached else None
    if cache is not None:
        keep_all_positions(cache)
    calls: list[tuple[str, Any]] = []
    recording = {
        name: RecordingBlock((stand_ins or {}).get(name, block), name, calls)
        for blocks in network.block_lists
        for name, block in blocks.items()
    }
    with torch.no_grad():
        prelogits = network.prelogits(ids[None], recording, cache)[0]
    blocks = _called_once_each(network, [name for name, _ in calls])
    outputs = [output for name, output in calls if name in blocks]
    streams = [stream_of(output) for output in outputs]
    for block, stream in zip(blocks.values(), streams, strict=True):
        _require_vectors(network, block, stream, len(ids))
    return ForwardPass(
        network=network,
        ids=ids,
        blocks=blocks,
        others=tuple(map(others_of, outputs)),
        block_outputs=tuple(stream[0] for stream in streams),
        prelogits=prelogits,
        cache=cache,
    )


def _called_once_each(network: Network, called: list[str]) -> dict[str, nn.Module]:
    """Return the blocks of the one list that a pass has called in order."""
    lists = network.block_lists
    found = [blocks for blocks in lists if [name for name in called if name in blocks] == [*blocks]]
    if len(found) == 1:
        return found[0]
    n, model = network.card.n_layers, type(network.model).__name__
    received = "calls them otherwise" if lists else f"has no list of {n}"
    if found:
        received = f"has {len(found)} such lists"
    raise StabilityError(
        f"Sites below the final norm need {n} blocks that are called once each, in order; "
        f"{model} {received}: use site 'prelogit'."
    )


def _require_vectors(network: Network, block: nn.Module, stream: Tensor, length: int) -> None:
    """Raise StabilityError unless one vector for each token leaves a block."""
    shape = tuple(stream.shape)
    if shape[:-1] != (1, length):
        raise StabilityError(
            "Sites below the final norm need blocks that one vector for each token leaves; "
            f"{type(block).__name__} of {type(network.model).__name__} returns values of shape "
            f"{shape} for {length}: use site 'prelogit'."
        )
