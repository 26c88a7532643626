"""Distances along a ray and points of a plane, as users give them, as far out as KL has digits."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.arguments import finite_array
from stability.errors import StabilityError

MOST_SHIFT = 1e13  # nats by which a logit rises; beyond, rounding is a thousandth of one


def distances(t: Any, ends: Float[ndarray, " 2"] | None) -> Float[ndarray, " n"]:
    """Distances as an array; `ends` are the least and the greatest slope of logits that are linear.

    Raises:
        StabilityError: one is not finite, or a logit rises by more than `MOST_SHIFT`.

    Returns:
        The distances, (n,).
    """
    given = finite_array(t, "Distances")
    if ends is not None and given.size:
        _require_digits(float(np.outer(ends, [given.min(), given.max()]).max()))
    return given


def points(
    x: Any, y: Any, slopes: Float[Tensor, "V 2"] | None, paired: bool = True
) -> tuple[ndarray, ndarray]:
    """Coordinates as two arrays of one shape, or as the two axes of a grid unless they are `paired`.

    Raises:
        StabilityError: one is not finite, shapes differ, or a logit rises by more than `MOST_SHIFT`.

    Returns:
        Both arrays.
    """
    x, y = (finite_array(part, "Coordinates", axes=-1 if paired else 1) for part in (x, y))
    if paired and x.shape != y.shape:
        raise StabilityError(
            f"Points need as many x as y; received {x.shape} and {y.shape}: pair them."
        )
    if slopes is not None and x.size and y.size:
        corners = np.meshgrid([x.min(), x.max()], [y.min(), y.max()])
        rises = slopes @ torch.from_numpy(np.array(corners).reshape(2, 4)).to(slopes)
        _require_digits(float(rises.max()))
    return x, y


def _require_digits(rise: float) -> None:
    if not rise <= MOST_SHIFT:
        raise StabilityError(
            f"Logits must not rise by more than {MOST_SHIFT:g} nats; at these distances one does by "
            f"{rise:.3g}: stay nearer."
        )
