"""Conjugate gradients: solutions of `H x = g` for an operator that is only applied.

Started from zero they stay in the range of `H`, where it is singular: flat directions, along which no
probability changes, get no part in the solution, and nothing is regularised. Columns are solved side by
side. Source: Hestenes and Stiefel (1952).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Apply = Callable[[Float[Tensor, "d k"]], Float[Tensor, "d k"]]


def conjugate_gradients(
    apply: Apply,
    targets: Float[Tensor, "d k"],
    tolerance: float,
    steps: int,
    precondition: Apply = torch.clone,
) -> Float[Tensor, "d k"]:
    """Solve `H X = G` for every column of `targets`.

    Returns:
        `X`, whose residuals, in the norm of the preconditioner, are below `tolerance` of their targets,
        unless `steps` products with `H` do not suffice. A column whose products are lost in rounding
        is left as it is.
    """
    solution, residual = torch.zeros_like(targets), targets.clone()
    reduced = precondition(residual)
    direction, size = reduced, (residual * reduced).sum(dim=0)
    enough = tolerance**2 * size
    for _ in range(steps):
        image = apply(direction)
        curvature = (direction * image).sum(dim=0)
        is_open = (size > enough) & (curvature > 0)
        if not is_open.any():
            break
        length = torch.where(is_open, size / curvature, 0.0)
        solution = solution + length * direction
        residual = residual - length * image
        reduced = precondition(residual)
        before, size = size, (residual * reduced).sum(dim=0)
        direction = reduced + torch.where(is_open, size / before, 0.0) * direction
    return solution
