"""The numbers that a file holds, in lists or in arrays; and what else it may hold, in plain words."""

from typing import Any

import numpy as np
from numpy import ndarray

NUMBERS = "iuf"  # numpy's kinds
# others, which would be converted without a word
OTHERS = {
    "b": "truth values",
    "c": "complex numbers",
    "U": "text",
    "S": "text",
    "M": "dates",
    "m": "lengths of time",
    "V": "records",
}


class ContentError(ValueError):
    """Why content is not read, as the reason that ends a sentence."""


def require_numbers(dtype: np.dtype) -> None:
    """Raise ContentError unless a type is one of real numbers."""
    if dtype.kind not in NUMBERS:
        raise ContentError(f"it holds {OTHERS.get(dtype.kind, 'more than numbers')}")


def numbers_of(values: Any) -> ndarray:
    """Numbers, or lists of them, as an array, NaN for one that is missing.

    Raises ContentError for anything else.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ContentError("its lists differ in length, or are nested too deep") from error
    try:
        array = array.astype(float) if array.dtype.kind == "O" else array
    except OverflowError as error:
        raise ContentError("a number in it is too large") from error
    except (TypeError, ValueError) as error:
        raise ContentError("it holds more than numbers") from error
    require_numbers(array.dtype)
    return array


def floats_of(tensor: Any) -> ndarray:
    """A tensor of torch's as an array, its numbers in float32 where numpy has no such type."""
    is_single = tensor.is_floating_point() and str(tensor.dtype) != "torch.float64"
    array: ndarray = (tensor.float() if is_single else tensor).numpy()
    return array
