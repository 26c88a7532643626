"""The GGUF format: metadata and a table of tensors, each length checked against the file's own."""

import math
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize
from gguf.constants import GGUF_DEFAULT_ALIGNMENT

Value = bool | int | float | str | list

_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9
_VERSIONS = (2, 3)
# of elements of all arrays, of keys, of tensors: vocabularies have a million at most
_LIMIT = 2**24


class GGUFError(ValueError):
    """What a file lacks, or holds beyond what can be read: the reason that ends a sentence."""


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies in its file, of which shape (as in torch) and in which encoding."""

    shape: tuple[int, ...]
    encoding: GGMLQuantizationType
    start: int
    size: int


@dataclass(frozen=True)
class GGUFFile:
    """A file's metadata by key, and its tensors by name."""

    metadata: dict[str, Value]
    tensors: dict[str, Stored]
    data: mmap.mmap | bytes = field(repr=False)

    def values(self, name: str) -> np.ndarray:
        """Return a tensor in float32, `shape` as in torch."""
        stored = self.tensors[name]
        block, width = GGML_QUANT_SIZES[stored.encoding]
        plain = {
            GGMLQuantizationType.F32: np.float32,
            GGMLQuantizationType.F16: np.float16,
            GGMLQuantizationType.F64: np.float64,
        }.get(stored.encoding)
        raw = np.frombuffer(self.data, np.uint8, stored.size, stored.start)
        if plain is not None:
            return raw.view(plain).reshape(stored.shape).astype(np.float32)
        *rows, columns = stored.shape
        try:
            return dequantize(raw.reshape(*rows, columns // block * width), stored.encoding)
        except NotImplementedError as error:
            raise GGUFError(f"{name} in the encoding {stored.encoding.name}") from error


def read_gguf(path: Path) -> GGUFFile:
    """Return a file's metadata and its table of tensors; the tensors are read when asked for.

    Raises:
        GGUFError: the file is not GGUF of version 2 or 3 in little-endian order, ends early, names a
            key or tensor twice, or holds values of an unknown type.

    """
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise GGUFError("an empty file") from error
    return parse_gguf(data)


def parse_gguf(data: mmap.mmap | bytes) -> GGUFFile:
    """Return the metadata and the table of tensors in a file's content; raises as `read_gguf`."""
    cursor = _Cursor(data)
    if cursor.take(4) != b"GGUF":
        raise GGUFError("a file of another format")
    version = cursor.number("I")
    if version not in _VERSIONS:
        is_swapped = int.from_bytes(version.to_bytes(4, "little")) in _VERSIONS
        received = "in big-endian order" if is_swapped else f"of version {version}"
        raise GGUFError(f"GGUF {received}; version 2 or 3 in little-endian order can be read")
    n_tensors, n_keys = cursor.number("Q"), cursor.number("Q")
    metadata: dict[str, Value] = {}
    for _ in range(_plausible(n_keys)):
        key = cursor.text()
        if key in metadata:
            raise GGUFError(f"the key {key!r} twice")
        metadata[key] = cursor.value(cursor.number("I"))
    table = [cursor.tensor() for _ in range(_plausible(n_tensors))]
    alignment = metadata.get("general.alignment", GGUF_DEFAULT_ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise GGUFError(f"general.alignment = {alignment!r}, not a power of two")
    start = -(-cursor.at // alignment) * alignment
    return GGUFFile(metadata, _placed(table, start, len(data)), data)


def _plausible(count: int) -> int:
    """A count of which a list can be made."""
    if count > _LIMIT:
        raise GGUFError(f"a count of {count}, truncated or damaged")
    return count


def _placed(
    table: list[tuple[str, tuple[int, ...], int, int]], start: int, end: int
) -> dict[str, Stored]:
    """The tensors by name, each of whole blocks and inside the file."""
    tensors: dict[str, Stored] = {}
    for name, shape, code, offset in table:
        if name in tensors:
            raise GGUFError(f"the tensor {name!r} twice")
        try:
            encoding = GGMLQuantizationType(code)
        except ValueError as error:
            raise GGUFError(f"{name} in the unknown encoding {code}") from error
        block, width = GGML_QUANT_SIZES[encoding]
        if not shape or min(shape) < 1 or shape[-1] % block:
            raise GGUFError(f"{name} of the shape {list(shape)} in blocks of {block}")
        size = math.prod(shape) // block * width
        if start + offset + size > end:
            raise GGUFError(f"a file that ends before its tensor {name}, truncated or damaged")
        tensors[name] = Stored(shape, encoding, start + offset, size)
    return tensors


class _Cursor:
    """Read the file from its beginning, and never past its end."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self.data = data
        self.at = 0
        self.n_elements = 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise GGUFError("a file that ends early, truncated or damaged")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0]

    def text(self) -> str:
        try:
            return self.take(self.number("Q")).decode()
        except UnicodeDecodeError as error:
            raise GGUFError("a string that is not UTF-8") from error

    def value(self, kind: int) -> Value:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise GGUFError(f"metadata of the unknown type {kind}")
        element, count = self.number("I"), self.number("Q")
        # an element takes a byte of the file and eight of memory
        self.n_elements = _plausible(self.n_elements + count)
        if element == _STRING:
            return [self.text() for _ in range(count)]
        if element not in _SCALARS:
            raise GGUFError(f"an array of the unknown type {element}")
        code = f"<{count}{_SCALARS[element]}"
        return list(struct.unpack(code, self.take(struct.calcsize(code))))

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.text()
        n_dimensions = self.number("I")
        if n_dimensions > 4:
            raise GGUFError(f"the tensor {name!r} of {n_dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(n_dimensions))[::-1]
        return name, shape, self.number("I"), self.number("Q")
