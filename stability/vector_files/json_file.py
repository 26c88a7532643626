"""Vectors in JSON: a plain list of numbers, Neuronpedia's own object, or `.svec`."""

import json
from typing import Any

import numpy as np

from stability.vector_files.content import no_vector
from stability.vector_files.layer_names import site_of_hook
from stability.vector_files.svec import read_svec
from stability.vector_files.vector_file import (
    NUMBERS,
    Entry,
    VectorFile,
    checked,
    finite,
    rows_of,
)

UNKNOWN = "its first bytes are those of no known format"


def read_json(data: bytes, name: str) -> VectorFile:
    """Read JSON text; raises StabilityError if it holds no vector."""
    try:
        content = json.loads(data, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise no_vector(name, UNKNOWN) from error
    except json.JSONDecodeError as error:
        raise no_vector(name, error if error.pos else UNKNOWN) from error
    # damaged content makes the reader raise nearly anything
    except Exception as error:
        raise no_vector(name, error) from error
    if isinstance(content, dict) and "directions" in content:
        return read_svec(content, name)
    if isinstance(content, dict) and "vector" in content:
        return _neuronpedia(content, name)
    array = _array(content, name)
    if array.ndim == 2 and len(array) > 1:
        return VectorFile(name, "JSON matrix", rows_of(array, "the list", name), layered=True)
    return VectorFile(name, "JSON list", (Entry("vector", checked(array, "the list", name)),))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys all differ: of two values one would be lost without a word."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r:.40} stands twice in an object")
    return content


def _array(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            # a null is a number that is missing
            array = np.array(array, dtype=float)
        # text and objects without a number would be converted without a word
        if array.dtype.kind not in NUMBERS:
            raise TypeError(f"it holds {array.dtype}")
        return array
    except Exception as error:
        raise no_vector(name, error) from error


def _neuronpedia(content: dict[str, Any], name: str) -> VectorFile:
    hook = content.get("hookName")
    site, warnings = site_of_hook(hook, name) if isinstance(hook, str) else (None, ())
    vector = checked(_array(content["vector"], name), "the vector", name)
    return VectorFile(
        file=name,
        format="JSON (Neuronpedia)",
        entries=(Entry(str(content.get("index", "vector")), vector, site, site),),
        coefficient=finite(content.get("defaultSteerStrength")),
        warnings=warnings,
    )
