"""Readers of files with many directions, which leave the rows on the disk, and never run anything."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stability.errors import StabilityError, opening
from stability.vector_files.content import (
    ARCHIVE,
    ARCHIVE_STARTS,
    ARRAY,
    TENSORS,
    array_of,
    arrays_in,
    header_of,
    pickled,
    reading,
)
from stability.vector_files.row_file import (
    DECODERS,
    LARGEST_DECODER,
    RowFile,
    chosen_key,
    decoder,
    plain,
)
from stability.vector_files.sae import parts_of
from stability.vector_files.values import ContentError

BYTES = 8  # of the widest number


def open_rows(path: str | Path) -> RowFile:
    """Open a file of many directions, or the folder of a sparse autoencoder.

    Args:
        path: a folder of SAELens or Llama Scope; `.safetensors`, `.npz` or `.pt` with `W_dec`, or with
            one matrix; a `.npy` matrix; or a Jacobian lens, `.pt` with `J`.

    Returns:
        Its rows, which are not yet read.

    Raises:
        StabilityError: it holds a learned map, an encoder alone, a single vector or pickled objects, or
            cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        tool, hook, weights = parts_of(path)
        key, values = _stored(weights)
        if key not in DECODERS:
            raise StabilityError(
                f"The weights of a sparse autoencoder must have {' or '.join(DECODERS)}; "
                f"{str(weights)!r:.200} has {key!r:.40} alone: give the folder with the decoder."
            )
        return decoder(values, key, path.name, tool, hook)
    return _reader_of(_head(path), path.name)(path)


def _reader_of(head: bytes, name: str) -> Callable[[Path], RowFile]:
    if head.startswith(b"\x93NUMPY"):
        return _npy
    if head.startswith(ARCHIVE_STARTS):
        return _archive
    # whose first byte, of a length, may be any
    if head[8:9] == b"{":
        return _safetensors
    if head.startswith(b"\x80"):
        raise pickled(name, "is a pickle")
    raise StabilityError(
        "A dictionary must be a folder of a sparse autoencoder, or a matrix as .npy, .npz, "
        f".safetensors or .pt; {name!r} is none: save its rows with numpy.save."
    )


def _head(path: Path) -> bytes:
    with opening("A dictionary", path), path.open("rb") as file:
        return file.read(16)


def _no_dictionary(name: str, reason: str) -> StabilityError:
    return StabilityError(
        f"A dictionary must be whole, in a format that is read; {name!r} is not ({reason}): get a "
        "clean copy, or save its rows with numpy.save."
    )


def _one(values: Any, key: str, kind: str, file: str) -> RowFile:
    if key in DECODERS:
        return decoder(values, key, file, kind, None)
    return plain(values, key, file, kind)


def _npy(path: Path) -> RowFile:
    with reading(path.name, ARRAY, _no_dictionary):
        with path.open("rb") as file:
            header_of(file, path.name)
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    return plain(values, "the array", path.name, ".npy matrix")


def _archive(path: Path) -> RowFile:
    """An archive of numpy's, of which one array is unpacked, or of torch's."""
    with reading(path.name, ARCHIVE, _no_dictionary), zipfile.ZipFile(path) as archive:
        inners = archive.namelist()
        if any(inner.endswith("data.pkl") for inner in inners):
            return _torch(path)
        arrays = arrays_in(inners)
        shapes = {key: _shape(archive, inner, path.name) for key, inner in arrays.items()}
        key = chosen_key(shapes, path.name)
        if archive.getinfo(arrays[key]).file_size > BYTES * LARGEST_DECODER:
            raise ContentError("it holds more than 500 million numbers")
        values = array_of(archive.read(arrays[key]), f"{path.name}/{key}")
    return _one(values, key, ".npz", path.name)


def _shape(archive: zipfile.ZipFile, inner: str, name: str) -> tuple[int, ...]:
    with reading(f"{name}/{inner}", ARRAY, _no_dictionary), archive.open(inner) as stream:
        return header_of(stream, f"{name}/{inner}")[0]


def _safetensors(path: Path) -> RowFile:
    key, values = _stored(path)
    return _one(values, key, ".safetensors", path.name)


def _stored(path: Path) -> tuple[str, Any]:
    """The tensor that is meant, mapped from the disk: encoders are as large, and are not read."""
    from safetensors import safe_open

    with reading(path.name, TENSORS, _no_dictionary), safe_open(path, "pt") as file:
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        key = chosen_key(shapes, path.name)
        return key, file.get_tensor(key)


def _torch(path: Path) -> RowFile:
    """Tensors that torch has saved: a matrix, several by name, or a lens."""
    import torch

    with reading(path.name, TENSORS, _no_dictionary):
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if isinstance(content, dict) and "J" in content:
        return _lens(content["J"], path.name)
    if isinstance(content, torch.Tensor):
        return plain(content.detach(), "the tensor", path.name, ".pt tensor")
    if not isinstance(content, dict):
        raise ContentError("it holds no tensor")
    tensors = {str(key): each for key, each in content.items() if isinstance(each, torch.Tensor)}
    key = chosen_key({name: tuple(each.shape) for name, each in tensors.items()}, path.name)
    return _one(tensors[key].detach(), key, ".pt", path.name)


def _lens(maps: Any, name: str) -> RowFile:
    """The maps of a Jacobian lens by block; raises StabilityError unless they are matrices."""
    import torch

    def is_map(layer: Any, J: Any) -> bool:
        is_matrix = isinstance(J, torch.Tensor) and J.ndim == 2 and J.is_floating_point()
        return isinstance(layer, int) and layer >= 0 and is_matrix

    is_lens = isinstance(maps, dict) and bool(maps) and all(map(is_map, maps, maps.values()))
    if not is_lens:
        raise StabilityError(
            f"A Jacobian lens must hold a matrix for each layer, by its number; {name!r} does not: "
            "save it with the tool that made it."
        )
    found = {layer: J.detach() for layer, J in maps.items()}
    return RowFile(name, "Jacobian lens (rows of W_U·diag(g)·J)", lens=found)
