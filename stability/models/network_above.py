"""The network above a block, as a function of the vector that one position leaves it with.

It is the model's own forward pass, on a view of the model in which the blocks up to there let the
vector in instead of computing it. The weights are shared, the view is private to a call: nothing is
hooked, and threads never meet. As attention is causal, the keys and values of earlier positions do
not depend on the vector; they are kept from one pass over the prompt.
"""

import copy
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from stability.errors import StabilityError

KEYS_AT_ONCE = 16384  # keys a block that are repeated for the rows of a batch


class _StandIn(nn.Module):
    """Stands in a block's place; whatever a model asks of its block, the block answers."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.__dict__["block"] = block  # not a submodule

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["block"], name)


class _Passing(_StandIn):
    """Lets its input through: a block that is not computed."""

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        return hidden


class _Entering(_StandIn):
    """Lets other vectors in: the block whose output is given."""

    def __init__(self, block: nn.Module, vectors: Float[Tensor, "n d"]) -> None:
        super().__init__(block)
        self.vectors = vectors[:, None]

    def forward(self, *_: Any, **__: Any) -> Tensor:
        return self.vectors


class _Heard(_StandIn):
    """A block whose output is heard."""

    def __init__(self, block: nn.Module, outputs: list[Tensor]) -> None:
        super().__init__(block)
        self.outputs = outputs

    def forward(self, *arguments: Any, **options: Any) -> Tensor:
        output: Tensor = self.__dict__["block"](*arguments, **options)
        if not isinstance(output, Tensor):
            raise StabilityError(
                "Sites below the final norm need blocks that return a vector for each token; "
                f"{type(self.__dict__['block']).__name__} returns a {type(output).__name__}: use "
                "site 'prelogit'."
            )
        self.outputs.append(output)
        return output


def blocks_of(body: Any) -> nn.ModuleList:
    """The list of a model's blocks."""
    n = body.config.get_text_config().num_hidden_layers
    for module in body.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n:
            return module
    raise StabilityError(
        f"Sites below the final norm need a list of {n} blocks; {type(body).__name__} has none: use "
        "site 'prelogit'."
    )


def view(module: nn.Module, own: nn.ModuleList, blocks: list[nn.Module]) -> nn.Module | None:
    """A copy of a module that shares all but the list of blocks; None where it does not hold it."""
    for name, child in module.named_children():
        new = nn.ModuleList(blocks) if child is own else view(child, own, blocks)
        if new is not None:
            copied = copy.copy(module)
            copied.__dict__["_modules"] = {**module._modules, name: new}
            return copied
    return None


@dataclass(frozen=True, eq=False)
class Passage:
    """One forward pass over a prompt: each block's output, the vectors at the end, keys and values."""

    body: Any
    ids: Int[Tensor, " T"]
    streams: tuple[Float[Tensor, "T d"], ...]
    prelogits: Float[Tensor, "T D"]
    cache: DynamicCache

    @property
    def blocks(self) -> nn.ModuleList:
        """The model's own blocks."""
        return blocks_of(self.body)

    def before(self, position: int, rows: int) -> DynamicCache:
        """The keys and values of all earlier positions, for a batch.

        A cache grows by replacing its tensors, so that a copy can grow alone.
        """
        grown = copy.copy(self.cache)
        grown.layers = [
            _start_of(layer, position, rows)
            for layer in self.cache.layers
            if isinstance(layer, DynamicLayer)
        ]
        return grown


def passage(body: Any, ids: Int[Tensor, " T"]) -> Passage:
    """Run a model's body over a prompt and keep what happens at every block."""
    outputs: list[Tensor] = []
    cache = DynamicCache(config=body.config)
    for layer in cache.layers:
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer):
            raise StabilityError(
                f"Sites below the final norm need keys and values that are kept; "
                f"{type(body).__name__} keeps a {type(layer).__name__}: use site 'prelogit'."
            )
        if isinstance(layer, DynamicSlidingWindowLayer):
            layer.activate_past_recording()  # a position in the middle needs its own window
    heard = [_Heard(block, outputs) for block in blocks_of(body)]
    with torch.no_grad():
        prelogits = _run(body, heard, ids[None], cache)[0]
    return Passage(body, ids, tuple(output[0] for output in outputs), prelogits, cache)


def _start_of(layer: DynamicLayer, length: int, rows: int) -> DynamicLayer:
    """A cache's layer as it was after its first tokens, for a batch of rows."""
    start = copy.copy(layer)
    start.keys, start.values = (
        kept[:, :, :length].expand(rows, -1, -1, -1)
        for kept in (layer.keys, layer.values)
        if kept is not None
    )
    if isinstance(start, DynamicSlidingWindowLayer):
        start.cumulative_length = length
    return start


def _run(
    body: Any, blocks: list[Any], ids: Int[Tensor, "n T"], cache: DynamicCache
) -> Float[Tensor, "n T D"]:
    return run(view(body, blocks_of(body), blocks), ids, cache)


def run(body: Any, ids: Int[Tensor, "n T"], cache: DynamicCache) -> Float[Tensor, "n T D"]:
    """The vectors after the final norm of tokens that follow what a cache holds; the cache grows."""
    # transformers renames the argument model by model, and warns of the old name
    name = "cache" if "cache" in signature(body.forward).parameters else "past_key_values"
    return body(input_ids=ids, use_cache=True, **{name: cache}).last_hidden_state


@dataclass(frozen=True, eq=False)
class Upper:
    """The blocks above `block` and the final norm, at one position of a prompt."""

    passage: Passage
    position: int
    block: int

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """The vectors after the final norm, for several vectors that leave the block."""
        rows = max(KEYS_AT_ONCE // (self.position + 1), 1)
        parts = [self.entered(part)[:, 0] for part in vectors.to(self._vector).split(rows)]
        return torch.cat(parts)

    def trajectory(self, vector: Float[Tensor, " d"]) -> tuple[Tensor, ...]:
        """What one vector becomes: itself, the output of each block above, and the last of them
        after the final norm; as they are in the graph, with axes of length one.
        """
        outputs: list[Tensor] = []
        last = self.entered(vector[None], outputs)
        return vector, *outputs, last

    def continued(self, vectors: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n D"], DynamicCache]:
        """The vectors after the final norm, and the keys and values that later tokens will read.

        Those of the blocks above come from the vectors let in, the others from the prompt.
        """
        cache = self.passage.before(self.position, len(vectors))
        last = self.entered(vectors.to(self._vector), cache=cache)[:, 0]
        below = self.passage.before(self.position + 1, len(vectors)).layers[: self.block + 1]
        cache.layers[: self.block + 1] = below
        return last, cache

    def entered(
        self,
        vectors: Float[Tensor, "n d"],
        outputs: list[Tensor] | None = None,
        cache: DynamicCache | None = None,
    ) -> Float[Tensor, "n 1 D"]:
        """Let vectors in at the block; `outputs` hears the blocks above, and `cache` grows."""
        body = self.passage.body
        blocks: list[nn.Module] = [
            _Passing(block)
            if index < self.block
            else _Entering(block, vectors)
            if index == self.block
            else block
            if outputs is None
            else _Heard(block, outputs)
            for index, block in enumerate(self.passage.blocks)
        ]
        ids = self.passage.ids[self.position].expand(len(vectors), 1)
        cache = cache or self.passage.before(self.position, len(vectors))
        return _run(body, blocks, ids, cache)

    @cached_property
    def _vector(self) -> Float[Tensor, " d"]:
        return self.passage.streams[self.block][self.position]
