"""Weights that are held in half precision or on other devices, and read where they are computed with.

A model's own arithmetic in half precision rounds every step to 8 or 11 bits, and drowns the small
divergences that are measured here; and one card may not hold all weights. So they stay as they are
and where they are, and each is moved and widened where it is used and let go after it: the function is
that of a copy in float32 on one device, the readout's. Derivatives of linear maps read their weights
anew (`linear_at_use`); those of other modules (convolutions, experts in one tensor) hold them.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from stability.errors import StabilityError
from stability.models.linear_at_use import LinearAtUse
from stability.models.network_view import copied
from stability.prediction.readout import Readout

HALF = torch.bfloat16, torch.float16


class _ReadAtUse(dict[str, Tensor | None]):
    """The parameters of a module by name; it reads each on one device, and in float32."""

    def __init__(self, weights: dict[str, Tensor | None], device: torch.device) -> None:
        super().__init__(weights)
        self.device = device

    def __getitem__(self, name: str) -> Tensor | None:
        weight = super().__getitem__(name)
        return None if weight is None else _ready(weight, self.device)

    @property
    def copies_matrices(self) -> bool:
        """Whether reading gives copies of more than vectors."""
        matrices = (weight for weight in self.values() if weight is not None and weight.dim() > 1)
        return not all(_is_ready(weight, self.device) for weight in matrices)


class _RowsAtUse(nn.Embedding):
    """An embedding that reads the rows that are looked up, and no others."""

    def forward(self, ids: Tensor) -> Tensor:
        """Look up rows where they lie."""
        return _ready(super().forward(ids.to(self.weight.device)), self.__dict__["device"])


def read_at_use(model: Any, readout: Readout) -> Any:
    """Return a model that computes in float32 where its readout is: itself, or a copy that reads there.

    The copy shares the model's weights. The readout's `W_U` serves where it reads the unembedding, also
    tied to the embedding.

    Raises:
        StabilityError: accelerate has put its hooks into the model.
    """
    if any(hasattr(module, "_hf_hook") for module in model.modules()):
        raise StabilityError(
            "A model must run by its own modules; those of the given "
            f"{type(model).__name__} are dispatched by accelerate: load it by "
            "stability.load(…, device='auto') instead of device_map."
        )
    device = readout.W_U.device
    if all(_is_ready(weight, device) for weight in model.parameters()):
        return model
    return _Copies(model.get_output_embeddings().weight, readout.W_U).of(model)


def holds_copies(model: nn.Module) -> bool:
    """Return whether graphs hold copies of a model's weights: of matrices, but for linear maps'."""
    parts = (part for part in model.modules() if not isinstance(part, LinearAtUse))
    return any(
        isinstance(part._parameters, _ReadAtUse) and part._parameters.copies_matrices
        for part in parts
    )


@dataclass(frozen=True, eq=False)
class _Copies:
    """Copies of modules, once each, however often they are there."""

    unembedding: Tensor
    W_U: Tensor
    made: dict[nn.Module, nn.Module] = field(default_factory=dict)

    def of(self, module: nn.Module) -> nn.Module:
        """Copy a module and all within it."""
        if module in self.made:
            return self.made[module]
        copy = self.made[module] = copied(module)
        is_tied = any(weight is self.unembedding for weight in module._parameters.values())
        if type(module) is nn.Embedding and not is_tied:
            copy.__class__ = _RowsAtUse
            copy.__dict__["device"] = self.W_U.device
            return copy
        if type(module) is nn.Linear:
            copy.__class__ = LinearAtUse
        weights = {
            name: self.W_U if weight is self.unembedding else weight
            for name, weight in module._parameters.items()
        }
        copy.__dict__["_parameters"] = _ReadAtUse(weights, self.W_U.device)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                copy._buffers[name] = _ready(buffer, self.W_U.device)
        for name, child in module._modules.items():
            if child is not None:
                copy._modules[name] = self.of(child)
        return copy


def _is_ready(tensor: Tensor, device: torch.device) -> bool:
    """Return whether a tensor is read as it is."""
    return tensor.device == device and tensor.dtype not in HALF


def _ready(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, in float32 where it is in half precision: itself if it is so."""
    # widened after it has moved: half as much to move
    moved = tensor.to(device)
    return moved.float() if moved.dtype in HALF else moved
