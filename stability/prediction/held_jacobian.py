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

from stability.prediction.pause import Pause, no_pause

Trajectory = Callable[[Float[Tensor, "n d"]], Sequence[Tensor]]


class HeldJacobian:
    """`J_s = dy/ds` of an output by several vectors; float64 in and out.

    Attributes:
        sources: the vectors.
    """

    def __init__(
        self, matrices: Sequence[Float[Tensor, "D _"]], sources: Sequence[Float[Tensor, " _"]]
    ) -> None:
        # as they come: the digits of float32 take half the memory
        self._matrices, self.sources = matrices, sources

    @cached_property
    def _stacked(self) -> Float[Tensor, "S D d"]:
        return torch.stack([matrix.double() for matrix in self._matrices])

    def jvp(self, directions: Sequence[Float[Tensor, "_ k"]]) -> Float[Tensor, "D k"]:
        """`Σ_s J_s V_s`: how the output moves when every source moves along its own directions."""
        pairs = zip(self._matrices, directions, strict=True)
        return torch.stack([J.double() @ V.double() for J, V in pairs]).sum(dim=0)

    def vjp(self, cotangents: Float[Tensor, "D k"]) -> list[Float[Tensor, "_ k"]]:
        """`J_sᵀ U` for every source: the gradients of linear readouts of the output."""
        return [J.double().T @ cotangents.double() for J in self._matrices]

    def jvp_each(self, blocks: Float[Tensor, "S d k"]) -> Float[Tensor, "S D k"]:
        """`J_s V_s` for every source `s` alone: how the output moves when only that source moves."""
        return self._stacked @ blocks

    def vjp_each(self, cotangents: Float[Tensor, "S D k"]) -> Float[Tensor, "S d k"]:
        """`J_sᵀ U_s` for every source `s` with cotangents of its own: the transpose of `jvp_each`."""
        return self._stacked.mT @ cotangents


def held(
    trajectory: Trajectory,
    vector: Float[Tensor, " d"],
    width: int,
    rows: int,
    pause: Pause = no_pause,
) -> HeldJacobian:
    """The Jacobian of a network's output by its input and by what it becomes on the way.

    Args:
        trajectory: several vectors, what each step makes of them, and the output, a row for each; axes
            of length one do not count.
        vector: the input.
        width: that of the output.
        rows: how many rows of the Jacobian are made at once, each from a copy of the input.
        pause: called before each of these parts.

    Returns:
        All of it, and the vectors.
    """
    identity = torch.eye(width, dtype=vector.dtype, device=vector.device)
    parts: list[list[Tensor]] = []
    sources: list[Tensor] = []
    for readouts in identity.split(rows):
        pause()
        with torch.enable_grad():
            copies = vector.detach().expand(len(readouts), -1).clone().requires_grad_(True)
            *steps, output = trajectory(copies)
            gradients = torch.autograd.grad(output, steps, readouts.to(output).view_as(output))
        parts.append([gradient.reshape(len(readouts), -1) for gradient in gradients])
        sources = sources or [step[0].detach().flatten().clone() for step in steps]
    return HeldJacobian([torch.cat(part) for part in zip(*parts, strict=True)], sources)
