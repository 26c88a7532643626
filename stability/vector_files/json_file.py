"""Vectors in JSON: a plain list of numbers, Neuronpedia's own object, or `.svec`."""

import json
from typing import Any

import numpy as np

from stability.vector_files.content import no_vector
from stability.vector_files.layer_names import site_in
from stability.vector_files.svec import read_svec
from stability.vector_files.vector_file import Entry, VectorFile, checked, rows_of

UNKNOWN = "its first bytes are those of no known format"


def read_json(data: bytes, name: str) -> VectorFile:
    """Read JSON text; raises StabilityError if it holds no vector."""
    try:
        content = json.loads(data)
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


def _array(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            # a null is a number that is missing
            array = np.array(array, dtype=float)
        # text and objects without a number would be converted without a word
        if array.dtype.kind not in "biuf":
            raise TypeError(f"it holds {array.dtype}")
        return array
    except Exception as error:
        raise no_vector(name, error) from error


def _neuronpedia(content: dict[str, Any], name: str) -> VectorFile:
    hook, strength = content.get("hookName"), content.get("defaultSteerStrength")
    site = site_in(hook) if isinstance(hook, str) else None
    is_number = isinstance(strength, int | float) and not isinstance(strength, bool)
    vector = checked(_array(content["vector"], name), "the vector", name)
    return VectorFile(
        file=name,
        format="JSON (Neuronpedia)",
        entries=(Entry(str(content.get("index", "vector")), vector, site, site),),
        coefficient=float(strength or 0) if is_number else None,
    )
