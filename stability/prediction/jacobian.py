"""The derivative of the network above a state: applied to directions, and transposed.

Reverse mode alone gives both. `u ↦ Jᵀu` is linear, and its own transpose is `J`: differentiating the
pulled-back vector once more pushes directions forward. So attention needs no forward-mode derivative,
which its fast kernels lack, and the graph of one position serves every direction.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

AT_ONCE = 64  # columns, whose activations are held together


class Jacobian:
    """`J = dy/dx` of a function of batches of vectors, at one vector; float64 in and out."""

    def __init__(
        self,
        function: Callable[[Float[Tensor, "n d"]], Float[Tensor, "n D"]],
        vector: Float[Tensor, " d"],
    ) -> None:
        with torch.enable_grad():
            self._x = vector.detach().clone().requires_grad_(True)
            self._y = function(self._x[None])[0]
            self._u = torch.zeros_like(self._y, requires_grad=True)
            [self._pulled] = torch.autograd.grad(self._y, self._x, self._u, create_graph=True)

    def push(self, directions: Float[Tensor, "d k"]) -> Float[Tensor, "D k"]:
        """`J V`: how the output moves along each direction."""
        return _products(self._pulled, self._u, directions)

    def pull(self, cotangents: Float[Tensor, "D k"]) -> Float[Tensor, "d k"]:
        """`Jᵀ U`: the gradient of each linear readout of the output."""
        return _products(self._y, self._x, cotangents)


def _products(
    output: Tensor, source: Tensor, columns: Float[Tensor, "m k"]
) -> Float[Tensor, "n k"]:
    """The transposed derivative of `output` by `source`, applied to columns."""
    parts = [
        torch.autograd.grad(output, source, part, retain_graph=True, is_grads_batched=True)[0]
        for part in columns.T.to(output).split(AT_ONCE)
    ]
    return torch.cat(parts).T.double()
