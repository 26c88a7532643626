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
    """Numbers, lists of them, or a tensor of torch's as an array, NaN for a number that is missing.

    Raises ContentError for anything else, truth values among numbers too.
    """
    values = _stored(values) if hasattr(values, "detach") else values
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
    # beside numbers they have become ones and zeros
    if _has_truth(values):
        raise ContentError(f"it holds {OTHERS['b']}")
    return array


def _has_truth(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.dtype.kind == "O" and any(map(_has_truth, values.flat))
    if isinstance(values, list | tuple):
        return any(map(_has_truth, values))
    return isinstance(values, bool | np.bool_)


def _stored(tensor: Any) -> ndarray:
    """The numbers of a tensor, wherever it lies and whether or not torch would differentiate it."""
    try:
        return floats_of(tensor.detach().cpu().resolve_conj().resolve_neg())
    # of packed and of missing numbers, torch says so in several ways
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ContentError("its numbers are packed, or missing") from error


def floats_of(tensor: Any) -> ndarray:
    """A tensor of torch's as an array, its numbers in float32 where numpy has no such type."""
    is_single = tensor.is_floating_point() and str(tensor.dtype) != "torch.float64"
    array: ndarray = (tensor.float() if is_single else tensor).numpy()
    return array
