"""`.npy` and `.npz` files of numpy, none of whose pickles is read."""

from numpy import ndarray

from stability.vector_files.content import (
    ARCHIVE,
    ARRAY,
    array_of,
    arrays_in,
    member,
    members,
    reading,
)
from stability.vector_files.layer_names import named, site_in_file_name
from stability.vector_files.named_arrays import from_arrays
from stability.vector_files.vector_file import Entry, VectorFile, checked, rows_of


def read_npy(data: bytes, name: str) -> VectorFile:
    """Read one array: a vector, or a matrix of one for each block."""
    array = _array(data, name)
    if array.ndim == 2 and len(array) > 1:
        return VectorFile(name, ".npy matrix", rows_of(array, "the array", name), layered=True)
    site = site_in_file_name(name)
    vector = checked(array, "the array", name)
    return VectorFile(
        name, ".npy", (Entry("vector", vector, site, site),), warnings=named(site, name)
    )


def read_npz(data: bytes, name: str) -> VectorFile:
    """Read the arrays of an archive, each a vector by name; Gemma Scope keeps a dictionary so."""
    with reading(name, ARCHIVE):
        inners = arrays_in(members(data, name))
    arrays = {
        key: _array(member(data, inner, name), f"{name}/{inner}") for key, inner in inners.items()
    }
    return from_arrays(arrays, ".npz", name)


def _array(data: bytes, name: str) -> ndarray:
    with reading(name, ARRAY):
        return array_of(data, name)
