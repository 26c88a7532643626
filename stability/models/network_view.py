"""A view of a model: the same weights, with other modules in the place of some of its own.

A view copies the modules that contain those replaced, and shares everything else with the model.
It is private to a call: nothing is hooked, and threads that share a model cannot interfere.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class StandIn(nn.Module):
    """Take the place of a module, and read all attributes that are not set here from it."""

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        # past `nn.Module`, which would register a submodule
        self.__dict__["original"] = original

    def of(self, original: nn.Module) -> "StandIn":
        """Return the same stand-in, with what it appends to, for another module.

        A stand-in within it stays there, and takes the other module's place in its turn.
        """
        new, within = copy.copy(self), self.__dict__["original"]
        new.__dict__["original"] = within.of(original) if isinstance(within, StandIn) else original
        return new

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["original"], name)


class SkippedBlock(StandIn):
    """A block that is not computed, and returns `others` values beside the residual stream."""

    def __init__(self, block: nn.Module, others: int | None = None) -> None:
        super().__init__(block)
        self.others = others

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """Return the first tensor that is given."""
        given = (*arguments, *options.values())
        stream = next(value for value in given if isinstance(value, Tensor))
        return block_output(stream, self.others)


class InjectingBlock(StandIn):
    """A block whose residual stream is given: a sequence of vectors for each row of the batch."""

    def __init__(
        self, block: nn.Module, stream: Float[Tensor, "n t d"], others: int | None = None
    ) -> None:
        super().__init__(block)
        self.stream, self.others = stream, others

    def forward(self, *_: Any, **__: Any) -> Any:
        """Return the given stream, whatever the input."""
        return block_output(self.stream, self.others)


class PushedBlock(StandIn):
    """A block to whose residual stream `deltas` are added at one position, one for each row."""

    def __init__(self, block: nn.Module, position: int, deltas: Float[Tensor, "n d"]) -> None:
        super().__init__(block)
        self.position, self.deltas = position, deltas

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """Compute the block, and push."""
        output = self.__dict__["original"](*arguments, **options)
        stream = stream_of(output).clone()
        stream[:, self.position] += self.deltas.to(stream)
        return block_output(stream, others_of(output))


class RecordingBlock(StandIn):
    """A block whose output is appended to `calls` as it is, with the block's name."""

    def __init__(self, block: nn.Module, name: str, calls: list[tuple[str, Any]]) -> None:
        super().__init__(block)
        self.name, self.calls = name, calls

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """Compute the block."""
        output = self.__dict__["original"](*arguments, **options)
        self.calls.append((self.name, output))
        return output


class TracedBlock(StandIn):
    """A block whose residual stream at the last position is appended to `vectors`, as (n, 1, d).

    What follows is computed from the appended tensor: a node of its autograd graph.
    """

    def __init__(self, block: nn.Module, vectors: list[Tensor]) -> None:
        super().__init__(block)
        self.vectors = vectors

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """Compute the block."""
        output = self.__dict__["original"](*arguments, **options)
        stream = stream_of(output)
        last = stream[:, -1:]
        self.vectors.append(last)
        return block_output(torch.cat([stream[:, :-1], last], dim=1), others_of(output))


def stream_of(output: Any) -> Any:
    """Return the residual stream in what a block returns: all of it, or the first of several values."""
    return output[0] if isinstance(output, tuple | list) else output


def others_of(output: Any) -> int | None:
    """Return how many values a block returns beside the residual stream; None for a lone tensor."""
    return len(output) - 1 if isinstance(output, tuple | list) else None


def block_output(stream: Tensor, others: int | None) -> Any:
    """Return a residual stream as a block does, with None for its other values."""
    return stream if others is None else (stream, *[None] * others)


def view(module: nn.Module, stand_ins: Mapping[str, nn.Module]) -> nn.Module:
    """Copy a module with each of `stand_ins` in place of the submodule of that qualified name.

    Everything else is shared with the module.
    """
    viewed = copied(module)
    inner: dict[str, dict[str, nn.Module]] = {}
    for name, stand_in in stand_ins.items():
        child, _, rest = name.partition(".")
        if rest:
            inner.setdefault(child, {})[rest] = stand_in
        else:
            viewed._modules[child] = stand_in
    for child, parts in inner.items():
        viewed._modules[child] = view(module.get_submodule(child), parts)
    return viewed


def view_of_all(module: nn.Module) -> nn.Module:
    """Copy a module and all its submodules, which share weights and buffers with the originals."""
    viewed = copied(module)
    for name, child in module.named_children():
        viewed._modules[name] = view_of_all(child)
    return viewed


def copied(module: nn.Module) -> nn.Module:
    """Copy a module whose submodules and buffers can then be replaced without touching its own."""
    new = copy.copy(module)
    new.__dict__["_modules"] = dict(module._modules)
    new.__dict__["_buffers"] = dict(module._buffers)
    return new
