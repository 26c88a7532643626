"""How fast a function of one coefficient moves, at `c = 0`: one product in forward mode.

Where an operation has no forward derivative, reverse mode twice: `u ↦ Jᵀu` is linear, and its own
transpose is `J`.
"""

from collections.abc import Callable
from threading import Lock

import torch
from torch import Tensor
from torch.autograd import forward_ad

from stability.errors import StabilityError

# levels of forward differentiation belong to the process, not to a thread
_one_at_a_time = Lock()
Function = Callable[[Tensor], Tensor]


def slope(function: Function, device: torch.device) -> tuple[Tensor, Tensor]:
    """`f` and `df/dc` at `c = 0`, for a function of a batch of one coefficient."""
    try:
        return forward_slope(function, device)
    # inside a model's own code, such an error arrives as one of ours; a real one comes again
    except (RuntimeError, StabilityError):
        return reverse_slope(function, device)


def forward_slope(function: Function, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both in forward mode; raises RuntimeError where an operation has no such derivative."""
    zero = torch.zeros(1, dtype=torch.float64, device=device)
    with _one_at_a_time, torch.no_grad(), forward_ad.dual_level():
        value, tangent = forward_ad.unpack_dual(
            function(forward_ad.make_dual(zero, torch.ones_like(zero)))
        )
    if tangent is None:
        raise RuntimeError("an operation has dropped the derivative")
    return value, tangent


def reverse_slope(function: Function, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both by reverse mode twice."""
    with torch.enable_grad():
        zero = torch.zeros(1, dtype=torch.float64, device=device, requires_grad=True)
        value = function(zero)
        cotangent = torch.zeros_like(value, requires_grad=True)
        [pulled] = torch.autograd.grad(value, zero, cotangent, create_graph=True)
    [pushed] = torch.autograd.grad(pulled, cotangent, torch.ones_like(pulled))
    return value.detach(), pushed
