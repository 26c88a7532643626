"""Rotary embeddings whose frequencies depend on the length of the text that is read.

Such a module (`longrope`, `dynamic`) chooses its frequencies by the last position that it is given, and
writes them into its own buffers: a pass over a part of a prompt would turn by other angles than the
pass over all of it, and threads that share a model would turn by each other's.
"""

from typing import Any

import torch
from torch import Tensor, nn

from stability.models.network_view import StandIn, copied


class FixedRotation(StandIn):
    """A rotary embedding as in a pass over `length` tokens, whichever of them it is given."""

    def __init__(self, rotary: nn.Module, length: int) -> None:
        super().__init__(rotary)
        self.length = length

    def forward(self, x: Tensor, position_ids: Tensor, *arguments: Any, **options: Any) -> Any:
        """Return what a fresh copy of the module gives when the last token is among the positions."""
        last = torch.full_like(position_ids[..., :1], self.length - 1)
        rotary = _as_loaded(self.__dict__["original"])
        turned = rotary(x, torch.cat([position_ids, last], dim=-1), *arguments, **options)
        if isinstance(turned, Tensor):
            return turned[..., :-1, :]
        return tuple(part[..., :-1, :] for part in turned)


def depends_on_length(module: nn.Module) -> bool:
    """Return whether a module is a rotary embedding whose frequencies depend on the text's length."""
    kinds = getattr(module, "rope_type", None)
    kinds = kinds.values() if isinstance(kinds, dict) else [kinds]
    return any(
        "dynamic" in str(kind) or (kind == "longrope" and _has_two_sets(module)) for kind in kinds
    )


def _has_two_sets(rotary: nn.Module) -> bool:
    """Whether a rotary embedding turns or scales otherwise in long texts than in short ones."""
    parameters = getattr(rotary.config, "rope_parameters", None) or {}
    sets = [parameters, *(part for part in parameters.values() if isinstance(part, dict))]
    return any(
        part.get(f"short_{what}") != part.get(f"long_{what}")
        for part in sets
        for what in ("factor", "mscale")
    )


def _as_loaded(rotary: nn.Module) -> nn.Module:
    """Copy a rotary embedding with the frequencies that it had before it was first called."""
    fresh = copied(rotary)
    for name in [name for name in rotary._buffers if name.endswith("original_inv_freq")]:
        prefix = name.removesuffix("original_inv_freq")
        original = rotary._buffers[name]
        assert original is not None
        fresh._buffers[f"{prefix}inv_freq"] = original.clone()
        setattr(fresh, f"{prefix}max_seq_len_cached", fresh.original_max_seq_len)
    return fresh
