"""`.svec`, the JSON of IBM's activation-steering and AISteer360.

A direction is measured on what leaves a block, and added to what enters it: one block lower.
"""

from typing import Any

from stability.errors import StabilityError
from stability.vector_files.content import no_vector
from stability.vector_files.values import ContentError, numbers_of
from stability.vector_files.vector_file import Entry, VectorFile, checked

FORMAT = ".svec (activation-steering, AISteer360)"
HEADS = ("num_heads", "head_dim")
MOST_BLOCKS = 10**6


def read_svec(content: dict[str, Any], name: str) -> VectorFile:
    """Read the directions; raises StabilityError for those of attention heads."""
    directions = content["directions"]
    if not isinstance(directions, dict):
        raise no_vector(name, "its directions are no object with a layer for each")
    if any(content.get(key) is not None for key in HEADS):
        raise StabilityError(
            f"A steering vector belongs to the residual stream; {name!r} holds a vector for each "
            "attention head: make one of the residual stream."
        )
    entries = [_entry(layer, values, name) for layer, values in directions.items()]
    model_type = content.get("model_type")
    return VectorFile(
        file=name,
        format=FORMAT,
        entries=tuple(entries),
        model_type=model_type if isinstance(model_type, str) and model_type else None,
        warnings=(
            "Its directions are measured on what leaves a block and added by its own tool to what "
            "enters it, which is what leaves the block below.",
        ),
    )


def _entry(layer: str, values: Any, name: str) -> Entry:
    if not (layer.isascii() and layer.isdecimal() and int(layer[:9]) < MOST_BLOCKS):
        raise no_vector(name, f"a layer of it is called {layer!r:.40}")
    try:
        array = numbers_of(values)
    except ContentError as error:
        raise no_vector(name, f"layer {layer}: {error}") from error
    if array.ndim == 2 and len(array) > 1:
        raise StabilityError(
            f"A steering vector is one for a block; layer {layer} of {name!r} has one for each of "
            f"{len(array)} positions or heads: save the one you mean as [0.1, -0.2, …]."
        )
    block = int(layer)
    # the embeddings, which enter the first block, are no site
    applied = f"block:{block - 1}" if block else None
    return Entry(layer, checked(array, f"layer {layer}", name), applied, f"block:{block}")
