"""Dictionaries of sparse autoencoders: the rows of the decoder, each a direction at the hook's site.

SAELens and Gemma Scope keep `W_dec` (d_sae, d); Llama Scope `decoder.weight` (d, d_sae).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from stability.errors import StabilityError
from stability.vector_files.content import no_vector, read_bytes
from stability.vector_files.layer_names import site_of_hook
from stability.vector_files.vector_file import LONGEST_VECTOR, Entry, VectorFile

if TYPE_CHECKING:
    from torch import Tensor

DECODERS = ("W_dec", "decoder.weight")
# the settings beside the weights, by tool, and where in them the hook is named
FOLDERS = {
    "SAELens": ("cfg.json", "sae_weights.safetensors"),
    "Llama Scope": ("hyperparams.json", "checkpoints/final.safetensors"),
}
# of a transcoder the rows belong where it writes
HOOKS = ("hook_name_out", "hook_point_out", "hook_name", "hook_point", "hook_point_in")
LARGEST_DECODER = 2**29  # numbers


def decoder_rows(
    decoder: ndarray, key: str, file: str, hook: str | None = None, tool: str = "decoder"
) -> VectorFile:
    """The rows of a decoder, at a hook's site; never those of the encoder.

    Raises StabilityError if the decoder is no finite matrix.
    """
    matrix = decoder.T if key == "decoder.weight" else decoder
    if matrix.ndim != 2 or 0 in matrix.shape or matrix.shape[1] > LONGEST_VECTOR:
        raise no_vector(file, f"{key} of the shape {list(decoder.shape)}")
    if matrix.dtype.kind != "f" or not np.isfinite(matrix).all():
        raise StabilityError(
            f"A dictionary must be finite numbers; {key} of {file!r} is not: get a clean copy."
        )
    site, warnings = site_of_hook(hook, file) if hook is not None else (None, ())
    entries = tuple(
        Entry(str(row), np.asarray(vector, dtype=float), site, site)
        for row, vector in enumerate(matrix)
    )
    return VectorFile(
        file, f"sparse autoencoder ({tool}, rows of {key})", entries, warnings=warnings
    )


def read_folder(folder: Path) -> VectorFile:
    """Read the decoder in a folder of SAELens or of Llama Scope.

    Raises StabilityError for a folder of another kind.
    """
    tool, hook, weights = parts_of(folder)
    key, decoder = open_decoder(weights)
    return decoder_rows(decoder.float().numpy(), key, folder.name, hook, tool)


def parts_of(folder: Path) -> tuple[str, str | None, Path]:
    """The tool that wrote a folder, the hook that its settings name, and the file of its weights.

    Raises StabilityError for a folder of another kind.
    """
    for tool, (settings, weights) in FOLDERS.items():
        if (folder / settings).is_file() and (folder / weights).is_file():
            return tool, _hook(folder / settings), folder / weights
    raise StabilityError(
        f"A folder of vectors must be a sparse autoencoder's, with cfg.json and "
        f"sae_weights.safetensors; {str(folder)!r:.200} is none: give a file."
    )


def _hook(path: Path) -> str | None:
    try:
        settings: Any = json.loads(read_bytes(path))
        parts: list[Mapping[str, Any]] = [settings, settings.get("metadata") or {}]
        found = [part[key] for part in parts for key in HOOKS if isinstance(part.get(key), str)]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise no_vector(str(path), f"it is no JSON object: {error}") from error
    return found[0] if found else None


def open_decoder(path: Path) -> "tuple[str, Tensor]":
    """The decoder alone, mapped from the disk: encoders are as large, and are not read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            key = next((key for key in DECODERS if key in names), None)
            if key is None:
                raise no_vector(str(path), f"it has none of {', '.join(DECODERS)}")
            if np.prod(file.get_slice(key).get_shape(), dtype=float) > LARGEST_DECODER:
                raise no_vector(str(path), "its decoder has more than 500 million numbers")
            return key, file.get_tensor(key)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise no_vector(str(path), error) from error
