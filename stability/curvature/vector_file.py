"""A vector of a user's own: a `.npy` file, or a JSON list of numbers; nothing in it is ever run."""

import io
import json
from pathlib import Path

import numpy as np
from numpy import ndarray

from stability.errors import StabilityError

# bytes: as text, a vector of a million components takes 25 MB
LARGEST = 100_000_000
# what people also have, by its first bytes
FORMATS = {
    b"GGUF": "a GGUF file, such as a control vector of several layers",
    b"PK\x03\x04": "an archive, such as .npz or a tensor of torch",
    b"\x80": "a pickle, which could run code",
    b"{": "a JSON object, such as .svec",
}


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises StabilityError if it cannot be read, or is too large a vector."""
    try:
        # a pipe or a device may never end
        if not path.is_file() and path.exists():
            raise StabilityError(
                f"A direction's file must be a regular file; {str(path)!r} is none: check the path."
            )
        size = path.stat().st_size
        if size > LARGEST:
            raise StabilityError(
                f"A direction's file must be at most {LARGEST / 1e6:.0f} MB; {str(path)!r} has "
                f"{size / 1e6:.0f} MB: save the one vector alone, with numpy.save."
            )
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
    if other := _other_format(data):
        raise StabilityError(
            f"A vector must be a .npy array or a JSON list of numbers; {name!r} is {other}: save the "
            "one vector you mean with numpy.save."
        )
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


def _other_format(data: bytes) -> str | None:
    """Name a format that is not read here, by its first bytes."""
    # the length of a JSON header comes first
    if data[8:10] == b'{"' and int.from_bytes(data[:8], "little") < len(data):
        return "a .safetensors file, such as a steering vector of several layers"
    return next((kind for start, kind in FORMATS.items() if data.startswith(start)), None)
