"""Which reader a file of vectors belongs to: by its content, never by its name alone."""

import os
from collections.abc import Callable
from pathlib import Path

from stability.errors import StabilityError
from stability.vector_files.content import ARCHIVE_STARTS, LARGEST, members, pickled, read_bytes
from stability.vector_files.control_vector import read_control_vector
from stability.vector_files.json_file import read_json
from stability.vector_files.numpy_file import read_npy, read_npz
from stability.vector_files.row_file import vectors_of
from stability.vector_files.row_readers import open_rows
from stability.vector_files.safetensors_file import is_safetensors, read_safetensors
from stability.vector_files.torch_file import read_torch
from stability.vector_files.vector_file import VectorFile

Reader = Callable[[bytes, str], VectorFile]
# torch's files before it used archives: a pickle of a number that it knows them by
TORCH_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def _is_torch_archive(data: bytes, name: str) -> bool:
    return any(inner.endswith("data.pkl") for inner in members(data, name))


def reader_of(data: bytes, name: str) -> Reader:
    """The reader for some content; raises StabilityError if there is none, or if it could run code."""
    if data.startswith(b"GGUF"):
        return read_control_vector
    if data.startswith(b"\x93NUMPY"):
        return read_npy
    if data.startswith(ARCHIVE_STARTS):
        return read_torch if _is_torch_archive(data, name) else read_npz
    if data.startswith(TORCH_MAGIC):
        return read_torch
    # whose first byte, of a length, may be any
    if is_safetensors(data):
        return read_safetensors
    if data.startswith(b"\x80"):
        raise pickled(name, "is a pickle")
    if name.lower().endswith(".csv"):
        raise StabilityError(
            f"A file of vectors must hold the vectors; {name!r} is a table, as that in which "
            "lm-evaluation-harness names features of dictionaries: give the dictionary, FOLDER#FEATURE."
        )
    return read_json


def parse_vectors(data: bytes, name: str) -> VectorFile:
    """Read the vectors in the content of a file, none of which is run.

    Args:
        data: the content.
        name: the file's name, which errors repeat, and which may say a layer.

    Returns:
        Its vectors with their layers, lengths and signs, and what is easily got wrong about them.

    Raises:
        StabilityError: the format is not known, the content is damaged, or it holds pickled objects, a
            learned map, or numbers that are not finite.
    """
    return reader_of(data, name)(data, name)


def read_vectors(path: str | Path) -> VectorFile:
    """Read a file of vectors, or the folder of a sparse autoencoder; nothing in it is ever run.

    A file above 100 MB must be a matrix, which is mapped from the disk.

    Args:
        path: where it is.

    Returns:
        Its vectors with their layers, lengths and signs, and what is easily got wrong about them.

    Raises:
        StabilityError: as for `parse_vectors`, and for what cannot be read.

    >>> import pathlib, tempfile, numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "layer_5.npy"
    >>> np.save(path, np.array([3.0, 4.0]))
    >>> [entry] = read_vectors(path).entries
    >>> entry.vector.tolist(), entry.applied
    ([3.0, 4.0], 'block:5')
    """
    path = Path(path)
    # of a name that no file can have, `os.path` says no, and does not raise
    if os.path.isdir(path) or (os.path.isfile(path) and os.path.getsize(path) > LARGEST):
        return vectors_of(open_rows(path))
    return parse_vectors(read_bytes(path), path.name)


def split_name(path: str) -> tuple[Path, str | None]:
    """A path, and the name of a vector in that file: `PATH` or `PATH#NAME`.

    A file whose own name has a `#` is found as it is, and a vector's name may have one too.
    """
    before, name = path, None
    while "#" in before and not os.path.exists(before):
        before = before.rpartition("#")[0]
        name = path[len(before) + 1 :]
    return (Path(before), name) if os.path.exists(before) else (Path(path), None)
