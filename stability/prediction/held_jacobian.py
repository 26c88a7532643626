"""A Jacobian that is held whole, as a matrix, so that products with it are those of matrices.

On a card a product with a graph costs the launches of its kernels, whatever its columns. So all rows at
once cost little more than one, and nothing after them costs anything. On a processor, and for the
widest networks, the arithmetic of so many rows takes longer than all products that are wanted.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor


class HeldJacobian:
    """`J_s = dy/ds` of an output by several vectors; float64 in and out.

    Attributes:
        sources: the vectors.
    """

    def __init__(
        self, matrices: Sequence[Float[Tensor, "D _"]], sources: Sequence[Float[Tensor, " _"]]
    ) -> None:
        self._matrices, self.sources = [matrix.double() for matrix in matrices], sources

    @cached_property
    def _stacked(self) -> Float[Tensor, "S D d"]:
        return torch.stack(self._matrices)

    def jvp(self, directions: Sequence[Float[Tensor, "_ k"]]) -> Float[Tensor, "D k"]:
        """`Σ_s J_s V_s`: how the output moves when every source moves along its own directions."""
        pairs = zip(self._matrices, directions, strict=True)
        return torch.stack([J @ V.double() for J, V in pairs]).sum(dim=0)

    def vjp(self, cotangents: Float[Tensor, "D k"]) -> list[Float[Tensor, "_ k"]]:
        """`J_sᵀ U` for every source: the gradients of linear readouts of the output."""
        return [J.T @ cotangents.double() for J in self._matrices]

    def jvp_each(self, blocks: Float[Tensor, "S d k"]) -> Float[Tensor, "S D k"]:
        """`J_s V_s` for every source `s` alone: how the output moves when only that source moves."""
        return self._stacked @ blocks

    def vjp_each(self, cotangents: Float[Tensor, "S D k"]) -> Float[Tensor, "S d k"]:
        """`J_sᵀ U_s` for every source `s` with cotangents of its own: the transpose of `jvp_each`."""
        return self._stacked.mT @ cotangents


def held(
    trajectory: Callable[[Float[Tensor, "n d"]], Sequence[Tensor]],
    vector: Float[Tensor, " d"],
    width: int,
    rows: int,
) -> HeldJacobian:
    """The Jacobian of the last of the vectors on a way, by each of those before it.

    Args:
        trajectory: what copies of a vector become, step by step, the copies first; axes of length one
            do not count.
        vector: where it is taken.
        width: that of the last.
        rows: how many of its rows are made at once, each from a copy of its own.

    Returns:
        All of it, and the vectors.
    """
    identity = torch.eye(width, dtype=vector.dtype, device=vector.device)
    parts = [_some_rows(trajectory, vector, readouts) for readouts in identity.split(rows)]
    matrices = [torch.cat(part) for part in zip(*(made for made, _ in parts), strict=True)]
    return HeldJacobian(matrices, parts[0][1])


def _some_rows(
    trajectory: Callable[[Float[Tensor, "n d"]], Sequence[Tensor]],
    vector: Float[Tensor, " d"],
    readouts: Float[Tensor, "n D"],
) -> tuple[list[Float[Tensor, "n _"]], list[Float[Tensor, " _"]]]:
    """The gradients of linear readouts of the last vector by each before it, and all these."""
    with torch.enable_grad():
        copies = vector.detach().expand(len(readouts), -1).clone().requires_grad_(True)
        *sources, output = trajectory(copies)
        gradients = torch.autograd.grad(output, sources, readouts.to(output).view_as(output))
    values = [source[0].detach().flatten() for source in sources]
    return [gradient.reshape(len(readouts), -1) for gradient in gradients], values
