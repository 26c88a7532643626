"""Weights that are held in half precision, and read in float32.

A model's own arithmetic in half precision rounds every step to 8 or 11 bits, and drowns the small
divergences that are measured here. So its weights stay as they are, in half the memory, and each is
widened where it is used and let go after it: the function is that of a copy in float32. A product
with a Jacobian holds those of the blocks above as long as it takes.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from stability.models.network_view import copied
from stability.prediction.readout import Readout

HALF = torch.bfloat16, torch.float16


class _WideWhenRead(dict[str, Tensor | None]):
    """The parameters of a module by name; it reads each in float32."""

    def __getitem__(self, name: str) -> Tensor | None:
        weight = super().__getitem__(name)
        return weight.float() if weight is not None and weight.dtype in HALF else weight


class _WideRows(nn.Embedding):
    """An embedding that widens the rows that are looked up, and no others."""

    def forward(self, ids: Tensor) -> Tensor:
        """Look up rows, in float32."""
        return super().forward(ids).float()


def in_float32(model: Any, readout: Readout) -> Any:
    """Return a model that computes in float32 with a model's weights: itself, or a widening copy.

    The readout's `W_U` serves where the copy reads the unembedding, also tied to the embedding.
    """
    if not any(weight.dtype in HALF for weight in model.parameters()):
        return model
    return _Widening(model.get_output_embeddings().weight, readout.W_U).of(model)


@dataclass(frozen=True, eq=False)
class _Widening:
    """Copies of modules, once each, however often they are there."""

    unembedding: Tensor
    W_U: Tensor
    copies: dict[nn.Module, nn.Module] = field(default_factory=dict)

    def of(self, module: nn.Module) -> nn.Module:
        """Copy a module and all within it."""
        if module in self.copies:
            return self.copies[module]
        wide = self.copies[module] = copied(module)
        is_tied = any(weight is self.unembedding for weight in module._parameters.values())
        if type(module) is nn.Embedding and not is_tied:
            wide.__class__ = _WideRows
            return wide
        wide.__dict__["_parameters"] = _WideWhenRead(
            {
                name: self.W_U if weight is self.unembedding else weight
                for name, weight in module._parameters.items()
            }
        )
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.dtype in HALF:
                wide._buffers[name] = buffer.float()
        for name, child in module._modules.items():
            if child is not None:
                wide._modules[name] = self.of(child)
        return wide
