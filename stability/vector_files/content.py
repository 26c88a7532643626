"""The content of a file, none of it run: read whole if it is small enough, and unpacked with care."""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from stability.errors import StabilityError, opening
from stability.vector_files.values import ContentError, require_numbers

# bytes: as text, a vector of a million components takes 25 MB
LARGEST = 100_000_000
# how an archive begins that has members, and one that has none
ARCHIVE_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
PICKLE_REMEDY = "save its plain arrays, with numpy.savez or safetensors"
# what is wrong with content of which a library's reader says so in its own words
ARCHIVE = "its archive is damaged, or packed in a way that is not read"
ARRAY = "it is no .npy array, or damaged"
TENSORS = "its tensors are damaged, or of a kind that is not read"


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises StabilityError if it cannot be read, or is too large a vector."""
    with opening("A file of vectors", path):
        size = path.stat().st_size
        if size > LARGEST:
            raise StabilityError(
                f"A file of vectors must be at most {LARGEST / 1e6:.0f} MB; {str(path)!r} has "
                f"{size / 1e6:.0f} MB: save the one vector alone, with numpy.save."
            )
        return path.read_bytes()


def no_vector(name: str, reason: str) -> StabilityError:
    """The sentence for content that a reader cannot make sense of."""
    return StabilityError(
        "A vector must be a .npy array or a JSON list of numbers, or in a format of the steering "
        f"tools; {name!r} is neither ({reason:.160}): save it with numpy.save, or paste [0.1, -0.2, …]."
    )


def no_lens(name: str) -> StabilityError:
    """The sentence for a Jacobian lens, in the place of a vector."""
    return StabilityError(
        f"A steering vector is needed; {name!r} is a Jacobian lens, a map for each layer, which gives "
        "another vector for each token: save the row of W_U·J that you mean."
    )


def pickled(name: str, held: str) -> StabilityError:
    """The sentence for pickled objects, of which a file `held` some: none is ever read."""
    return StabilityError(
        f"Pickled objects are not read, as they could run code; {name!r} {held}: {PICKLE_REMEDY}."
    )


@contextmanager
def reading(
    name: str, damage: str, refusal: Callable[[str, str], StabilityError] = no_vector
) -> Iterator[None]:
    """Turn what readers raise into one sentence, a `refusal` of the file: `damage` for most of it."""
    try:
        yield
    except StabilityError:
        raise
    except ContentError as error:
        raise refusal(name, str(error)) from error
    except pickle.UnpicklingError as error:
        raise pickled(name, "holds more than tensors") from error
    # damaged content makes a reader raise nearly anything, in words for those who call it
    except Exception as error:
        raise refusal(name, damage) from error


def members(data: bytes, name: str) -> list[str]:
    """The names of an archive's members, which unpacked are no more than a file may be."""
    with reading(name, ARCHIVE):
        found = zipfile.ZipFile(io.BytesIO(data)).infolist()
    size = sum(info.file_size for info in found)
    if size > LARGEST:
        raise StabilityError(
            f"A file of vectors must unpack to at most {LARGEST / 1e6:.0f} MB; {name!r} claims "
            f"{size / 1e6:.0f} MB: save the one vector alone, with numpy.save."
        )
    return [info.filename for info in found]


def arrays_in(inners: Sequence[str]) -> dict[str, str]:
    """The members of an archive of numpy's by the names of their arrays.

    Raises ContentError where a name stands twice: of two arrays one would be lost without a word.
    """
    names = [inner.removesuffix(".npy") for inner in inners]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ContentError(f"it holds two arrays of the name {twice!r:.40}")
    return dict(zip(names, inners, strict=True))


def member(data: bytes, inner: str, name: str) -> bytes:
    """One member of an archive, unpacked."""
    with reading(name, ARCHIVE):
        return zipfile.ZipFile(io.BytesIO(data)).read(inner)


def header_of(stream: Any, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the type of the numbers in a `.npy` file.

    Raises StabilityError for objects, ContentError for what else are no numbers, and nearly anything
    for a damaged header.
    """
    version: Any = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        header = np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    if dtype.hasobject:
        raise pickled(name, "holds some")
    require_numbers(dtype)
    return shape, dtype


def array_of(data: bytes, name: str) -> ndarray:
    """The array in the content of a `.npy` file, which must be as long as it claims.

    Raises as `header_of` does.
    """
    stream = io.BytesIO(data)
    shape, dtype = header_of(stream, name)
    # exact in Python's whole numbers, where numpy's would wrap
    claimed = dtype.itemsize
    for length in shape:
        claimed *= int(length)
    if claimed > len(data) - stream.tell():
        raise ContentError("it ends before its last number")
    return np.load(io.BytesIO(data), allow_pickle=False)
