"""A linear map whose weight is read for every product, of derivatives as well: no graph holds it.

Autograd keeps the weight of a product for its derivative. Of weights that are widened or moved as they
are read (`weights_at_use`) it would so keep those of all blocks at once: more than the model itself.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Product = Literal["affine", "linear", "transposed"]
# which product pulls a gradient back through another
PULLED_BACK: dict[Product, Product] = {
    "affine": "transposed",
    "linear": "transposed",
    "transposed": "linear",
}


class LinearAtUse(nn.Linear):
    """A linear map of which autograd keeps the module, and no weight."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `x Wᵀ + b`."""
        if torch.is_grad_enabled() and x.requires_grad:
            y: Tensor = _Product.apply(x, self, "affine")
            return y
        return super().forward(x)


class _Product(torch.autograd.Function):
    """`x Wᵀ + b`, `x Wᵀ` or `x W`: all linear in `x`, and each the derivative of another."""

    @staticmethod
    def forward(x: Tensor, linear: nn.Linear, product: Product) -> Tensor:
        weight = linear.weight
        if product == "affine":
            return functional.linear(x, weight, linear.bias)
        columns = weight if product == "transposed" else weight.T
        # autograd's batches of gradients batch a product of matrices, and run any other row by row
        rows = x.reshape(-1, x.shape[-1])
        return rows.mm(columns).reshape(*x.shape[:-1], columns.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, nn.Linear, Product], output: Tensor) -> None:
        _, ctx.linear, ctx.product = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Product.apply(gradient, ctx.linear, PULLED_BACK[ctx.product]), None, None
