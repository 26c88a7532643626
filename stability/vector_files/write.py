"""Steering vectors as files: GGUF control vectors, `.safetensors` and `.npy`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError, writing
from stability.vector_files.safetensors_file import COEFFICIENT, MODEL_TYPE
from stability.vector_files.steering_vector import SteeringVector
from stability.vector_files.vector_file import PROJECT

FINE = np.float32


def write_vectors(
    vector: SteeringVector, path: str | Path, metadata: Mapping[str, str | float] | None = None
) -> None:
    """Write a steering vector in the format that the path's ending names.

    Args:
        vector: what is written, in float32; in `.npy` as it is.
        path: ends in `.gguf`, a control vector for llama.cpp and repeng, of which only the key
            `controlvector.mode`, which llama.cpp does not read, says that it is projected out;
            `.safetensors`, a tensor by site, with the coefficient and the type of the model; or `.npy`,
            a lone vector.
        metadata: further keys of a GGUF file or of `.safetensors`, text or numbers.

    Raises:
        StabilityError: the ending is another, the format cannot hold the vector, or the file cannot be
            written.

    >>> import pathlib, tempfile, numpy as np, stability
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mine.gguf"
    >>> vector = stability.SteeringVector("mine", "array", {"block:5": np.array([3.0, 4.0])})
    >>> write_vectors(vector, path)
    >>> [entry.name for entry in stability.read_vectors(path).entries]
    ['direction.5']
    """
    path = Path(path)
    writers: dict[str, Callable[[SteeringVector, Path, Mapping[str, str | float]], None]] = {
        ".gguf": _write_gguf,
        ".safetensors": _write_safetensors,
        ".npy": _write_npy,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise StabilityError(
            f"A file of vectors must end in {', '.join(writers)}; received {str(path)!r:.200}: "
            "rename it."
        )
    with writing("A vector needs a file", path):
        writer(vector, path, metadata or {})


def _write_gguf(vector: SteeringVector, path: Path, metadata: Mapping[str, str | float]) -> None:
    import gguf

    directions = {site: site.removeprefix("block:") for site in vector.vectors}
    # llama.cpp refuses a direction.0
    if not all(number.isdecimal() and int(number) for number in directions.values()):
        raise StabilityError(
            "A GGUF control vector is added after blocks from the second on, block:1; received one for "
            f"{vector.site}: write .safetensors."
        )
    writer = gguf.GGUFWriter(path, "controlvector")
    writer.add_string("controlvector.model_hint", vector.model_type or "")
    writer.add_uint32("controlvector.layer_count", len(directions))
    if vector.mode == PROJECT:
        writer.add_string("controlvector.mode", PROJECT)
    if vector.coefficient is not None:
        writer.add_float64("controlvector.alpha_default", vector.coefficient)
    for key, value in metadata.items():
        if isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_float64(key, float(value))
    for site, number in directions.items():
        writer.add_tensor(f"direction.{number}", _single(vector.vectors[site], site))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_safetensors(
    vector: SteeringVector, path: Path, metadata: Mapping[str, str | float]
) -> None:
    from safetensors.numpy import save

    _require_added(vector, path)
    # sites are spelled as layers, with no colon, which other readers cannot take for a path
    tensors = {
        site.replace("block:", "layer_"): _single(v, site) for site, v in vector.vectors.items()
    }
    own = {COEFFICIENT: vector.coefficient, MODEL_TYPE: vector.model_type}
    kept = {**metadata, **{key: value for key, value in own.items() if value is not None}}
    path.write_bytes(save(tensors, {key: str(value) for key, value in kept.items()}))


def _write_npy(vector: SteeringVector, path: Path, metadata: Mapping[str, str | float]) -> None:
    _require_added(vector, path)
    if len(vector.vectors) > 1:
        raise StabilityError(
            f"A .npy file holds one vector; received those of {vector.site}: write .safetensors."
        )
    [values] = vector.vectors.values()
    # of a path, numpy would add the ending that it has in other letters
    with path.open("wb") as stream:
        np.save(stream, values)


def _single(vector: Float[ndarray, " d"], site: str) -> Float[ndarray, " d"]:
    """A vector in float32; raises StabilityError if its numbers overflow or vanish there."""
    largest, single = np.abs(vector).max(), np.finfo(FINE)
    # below the smallest normal number digits are lost, and then all of it
    if largest and not single.smallest_normal <= largest <= single.max:
        raise StabilityError(
            f"Vectors are written in float32; the largest component of that for {site} is "
            f"{largest:.3g}, which has no such number: scale it, or write .npy."
        )
    return vector.astype(FINE)


def _require_added(vector: SteeringVector, path: Path) -> None:
    if vector.mode == PROJECT:
        raise StabilityError(
            f"A {path.suffix} file cannot say that its vector is projected out; received one that is: "
            "write .gguf."
        )
