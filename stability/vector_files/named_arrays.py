"""Arrays by name, as `.npz`, `.safetensors` and dictionaries of tensors hold them."""

from collections.abc import Mapping

from numpy import ndarray

from stability.errors import StabilityError
from stability.vector_files.layer_names import named, site_in
from stability.vector_files.row_file import DECODERS, decoder, vectors_of
from stability.vector_files.vector_file import Entry, VectorFile, checked, rows_of


def from_arrays(arrays: Mapping[str, ndarray], kind: str, file: str) -> VectorFile:
    """The vectors of some arrays: a decoder's rows, one matrix's rows, or a vector for each name.

    Raises StabilityError for learned maps, and for arrays that are no vectors.
    """
    if found := [key for key in DECODERS if key in arrays]:
        return vectors_of(decoder(arrays[found[0]], found[0], file, kind, None))
    if len(arrays) == 1:
        [(name, array)] = arrays.items()
        if array.ndim == 2 and len(array) > 1:
            return VectorFile(file, kind, rows_of(array, name, file), layered=True)
    maps = [name for name, array in arrays.items() if array.ndim > 1 and array.shape[0] > 1]
    if maps:
        raise StabilityError(
            f"A steering vector is needed; {file!r} holds {maps[0]!r:.60} of the shape "
            f"{arrays[maps[0]].shape}, as weights or a learned map: save the one "
            "vector that you mean."
        )
    entries = tuple(
        Entry(name, checked(array, name, file), site := site_in(name), site)
        for name, array in arrays.items()
    )
    only = next((entry for entry in entries if entry.applied), None)
    return VectorFile(file, kind, entries, warnings=named(only.applied, only.name) if only else ())
