"""A vector of a user's own: a `.npy` file, or a JSON list of numbers; nothing in it is ever run."""

import io
import json
from pathlib import Path

import numpy as np
from numpy import ndarray

from stability.errors import StabilityError


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises StabilityError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StabilityError(
            f"A direction's file must be readable; {str(path)!r} is not ({error.strerror}): check "
            "the path."
        ) from error


def parse_vector(data: bytes, name: str) -> ndarray:
    """The float64 array that a `.npy` file's content, or the text of a JSON list, holds.

    Raises StabilityError, in which the content goes by `name`, if it holds none.
    """
    try:
        if data.startswith(b"\x93NUMPY"):
            array = np.load(io.BytesIO(data), allow_pickle=False)
        else:
            array = np.asarray(json.loads(data))
        # complex numbers, dates and text would be converted without a word
        if array.dtype.kind not in "biufO":
            raise TypeError(f"it holds {array.dtype}")
        return np.array(array, dtype=float)
    # damaged content makes the readers raise nearly anything
    except Exception as error:
        raise StabilityError(
            f"A vector must be a .npy array or a JSON list of numbers; {name!r} is neither "
            f"({error}): save it with numpy.save, or paste [0.1, -0.2, …]."
        ) from error
