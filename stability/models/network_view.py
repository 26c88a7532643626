"""A view of a model: the same weights, with other blocks in the place of its own.

A view copies the modules that contain the list of blocks, and shares everything else with the model.
It is private to a call: nothing is hooked, and threads that share a model cannot interfere.
"""

import copy
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from stability.errors import StabilityError


class _WrappedBlock(nn.Module):
    """Take the place of a block, and read all attributes that are not set here from it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        # past `nn.Module`, which would register a submodule
        self.__dict__["block"] = block

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["block"], name)


class SkippedBlock(_WrappedBlock):
    """A block that is not computed."""

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        """Return the input."""
        return hidden


class InjectingBlock(_WrappedBlock):
    """A block whose output is given: `vectors`, one for each row of the batch."""

    def __init__(self, block: nn.Module, vectors: Float[Tensor, "n d"]) -> None:
        super().__init__(block)
        self.vectors = vectors[:, None]

    def forward(self, *_: Any, **__: Any) -> Tensor:
        """Return the given vectors, whatever the input."""
        return self.vectors


class RecordingBlock(_WrappedBlock):
    """A block whose output is appended to `outputs`."""

    def __init__(self, block: nn.Module, outputs: list[Tensor]) -> None:
        super().__init__(block)
        self.outputs = outputs

    def forward(self, *arguments: Any, **options: Any) -> Tensor:
        """Compute the block; raise StabilityError unless it returns one tensor."""
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
    """Return the list of a model's blocks; raise StabilityError if the model has none."""
    n = body.config.get_text_config().num_hidden_layers
    for module in body.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n:
            return module
    raise StabilityError(
        f"Sites below the final norm need a list of {n} blocks; {type(body).__name__} has none: use "
        "site 'prelogit'."
    )


def view_with_blocks(
    module: nn.Module, original: nn.ModuleList, blocks: list[nn.Module]
) -> nn.Module | None:
    """Copy a module with `blocks` in place of `original`, wherever in it that list is.

    Everything else is shared with the module. Return None where it does not contain the list.
    """
    for name, child in module.named_children():
        new = (
            nn.ModuleList(blocks)
            if child is original
            else view_with_blocks(child, original, blocks)
        )
        if new is not None:
            copied = copy.copy(module)
            copied.__dict__["_modules"] = {**module._modules, name: new}
            return copied
    return None
