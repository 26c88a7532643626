"""Folders of sparse autoencoders: the file of the weights, and the hook that the settings name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stability.errors import StabilityError
from stability.vector_files.content import no_vector, read_bytes

# the settings beside the weights, by tool, and where in them the hook is named
FOLDERS = {
    "SAELens": ("cfg.json", "sae_weights.safetensors"),
    "Llama Scope": ("hyperparams.json", "checkpoints/final.safetensors"),
}
# of a transcoder the rows belong where it writes
HOOKS = ("hook_name_out", "hook_point_out", "hook_name", "hook_point", "hook_point_in")


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
        found = [part[key] for key in HOOKS for part in parts if isinstance(part.get(key), str)]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise no_vector(str(path), "it is no JSON object") from error
    return found[0] if found else None
