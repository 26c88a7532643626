"""A direction to look along: a unit vector at a state, with a name."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.arguments import real_array
from stability.errors import StabilityError


@dataclass(frozen=True, eq=False)
class Direction:
    """A unit vector in a state's coordinates, with its kind and its label.

    `kind` is that of its written form (`eig`, `random`, …), `label` its name for people, and `vector`
    (d,) has length one. `rank` is that of an eigenvector, from 0; `distance` is the length of the way
    to another prompt's state, in coordinates; `warnings` say what is easily got wrong about a vector
    that was given, a sentence each.

    >>> import numpy as np, stability
    >>> from stability.curvature.directions import token_difference
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> direction = token_difference(state, 0, 1)
    >>> direction.label, direction.vector.numpy().round(3)
    ('<0> → <1>', array([-0.707,  0.707,  0.   ]))
    """

    kind: str
    label: str
    vector: Float[Tensor, " d"]
    rank: int | None = None
    distance: float | None = None
    warnings: tuple[str, ...] = ()


def unit(vector: Tensor | ndarray, width: int) -> Float[Tensor, " d"]:
    """`v/‖v‖` in float64, for a vector given as a tensor or an array.

    Args:
        vector: `v`.
        width: how many components it must have.

    Returns:
        The unit vector.

    Raises:
        StabilityError: `v` is zero, not finite, or does not have `width` components.
    """
    if not isinstance(vector, torch.Tensor) or vector.is_complex():
        vector = torch.from_numpy(real_array(vector, "A direction's components"))
    v = vector.detach().double()
    if v.shape != (width,):
        raise StabilityError(
            f"A direction needs as many components as the state, {width}; received an array of "
            f"shape {tuple(v.shape)}: use a vector captured from the same model and site."
        )
    if not v.isfinite().all():
        bad = int((~v.isfinite()).sum())
        raise StabilityError(
            f"A direction must be finite; {bad} of its {width} components are NaN or infinite: "
            "check how it was made."
        )
    # dividing by the largest component first keeps very small and very large vectors in range
    v = v / v.abs().max().clamp_min(torch.finfo(v.dtype).tiny)
    if not v.any():
        raise StabilityError(
            "A direction must not be zero; received a vector of zeros: give one with a length."
        )
    return v / v.norm()
