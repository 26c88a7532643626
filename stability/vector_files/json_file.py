"""Vectors in JSON: a plain list of numbers, Neuronpedia's own object, or `.svec`."""

import json
from typing import Any

from numpy import ndarray

from stability.errors import StabilityError
from stability.vector_files.content import no_vector
from stability.vector_files.layer_names import site_of_hook
from stability.vector_files.svec import read_svec
from stability.vector_files.values import ContentError, numbers_of
from stability.vector_files.vector_file import Entry, VectorFile, checked, finite, rows_of

# of Neuronpedia's vectors: the name in its exports, and that in its interface
STRENGTHS = ("vectorDefaultSteerStrength", "defaultSteerStrength")
UNKNOWN = "its first bytes are those of no known format"


def read_json(data: bytes, name: str) -> VectorFile:
    """Read JSON text; raises StabilityError if it holds no vector."""
    try:
        content = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise no_vector(name, _reason(error)) from error
    if isinstance(content, dict) and "directions" in content:
        return read_svec(content, name)
    if isinstance(content, dict) and "vector" in content:
        return _neuronpedia(content, name)
    array = _array(content, name)
    if array.ndim == 2 and len(array) > 1:
        return VectorFile(name, "JSON matrix", rows_of(array, "the list", name), layered=True)
    return VectorFile(name, "JSON list", (Entry("vector", checked(array, "the list", name)),))


def _reason(error: Exception) -> str:
    """Why JSON text is not read, in plain words."""
    if isinstance(error, json.JSONDecodeError):
        return _where(error)
    if isinstance(error, UnicodeDecodeError):
        return UNKNOWN
    if isinstance(error, RecursionError):
        return "its lists are nested too deep"
    return str(error) if isinstance(error, ContentError) else "a number in it has too many digits"


def _where(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "it is empty"
    if not error.pos:
        return UNKNOWN
    if error.pos >= len(error.doc.rstrip()):
        return "its JSON text ends early"
    return f"its JSON text is wrong from line {error.lineno}, character {error.colno}, on"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys all differ: of two values one would be lost without a word."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ContentError(f"the key {twice!r:.40} stands twice in an object")
    return content


def _array(values: Any, name: str) -> ndarray:
    try:
        return numbers_of(values)
    except ContentError as error:
        raise no_vector(name, str(error)) from error


def _neuronpedia(content: dict[str, Any], name: str) -> VectorFile:
    hook = content.get("hookName")
    site, warnings = site_of_hook(hook, name) if isinstance(hook, str) else (None, ())
    vector = checked(_array(content["vector"], name), "the vector", name)
    return VectorFile(
        file=name,
        format="JSON (Neuronpedia)",
        entries=(Entry(str(content.get("index", "vector")), vector, site, site),),
        coefficient=_strength(content, name),
        warnings=warnings,
    )


def _strength(content: dict[str, Any], name: str) -> float | None:
    """The strength that Neuronpedia proposes; raises StabilityError where its two names disagree."""
    found = [finite(content.get(key)) for key in STRENGTHS]
    strengths = {strength for strength in found if strength is not None}
    if len(strengths) > 1:
        raise StabilityError(
            f"A file proposes one strength; {name!r} says {STRENGTHS[0]} {found[0]:g} and "
            f"{STRENGTHS[1]} {found[1]:g}: keep one of them."
        )
    return next(iter(strengths), None)
