"""`.safetensors` files: steering-lite's, a sparse autoencoder's decoder, or plain vectors by name."""

import json
from dataclasses import replace
from typing import Any

from stability.vector_files.content import TENSORS, reading
from stability.vector_files.named_arrays import from_arrays
from stability.vector_files.steering_lite import read_steering_lite
from stability.vector_files.values import floats_of
from stability.vector_files.vector_file import VectorFile, finite

# keys of the metadata of files that `write_vectors` has written
COEFFICIENT, MODEL_TYPE = "stability.coefficient", "stability.model_type"


def is_safetensors(data: bytes) -> bool:
    """Whether content begins as the format does: the length of a JSON header comes first."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") < len(data)


def read_safetensors(data: bytes, name: str) -> VectorFile:
    """Read the tensors; raises StabilityError if they are no vectors, or the file is damaged."""
    from safetensors.torch import load

    with reading(name, TENSORS):
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata: dict[str, Any] = header.get("__metadata__") or {}
        # in the file's own order
        arrays = {key: floats_of(tensors[key]) for key in header if key in tensors}
    if "cfg" in metadata:
        return read_steering_lite(arrays, str(metadata["cfg"]), name)
    file = from_arrays(arrays, ".safetensors", name)
    coefficient, model_type = _number(metadata.get(COEFFICIENT)), metadata.get(MODEL_TYPE) or None
    return replace(file, coefficient=coefficient, model_type=model_type)


def _number(text: str | None) -> float | None:
    try:
        return finite(float(text or ""))
    except ValueError:
        return None
