"""steering-lite's `.safetensors`: `layer{L}.v` for what leaves block `L`, and settings in `cfg`."""

import json
from typing import Any

from stability.errors import StabilityError
from stability.vector_files.content import no_vector
from stability.vector_files.layer_names import site_in
from stability.vector_files.vector_file import ADD, PROJECT, Entry, VectorFile, checked, finite

FORMAT = ".safetensors (steering-lite)"
# methods that add one vector to every state, or remove the part along it; others are learned maps
METHODS = {
    "mean_diff": ADD,
    "pca": ADD,
    "random": ADD,
    "directional_ablation": PROJECT,
}


def read_steering_lite(tensors: dict[str, Any], cfg: str, name: str) -> VectorFile:
    """Read the vectors of a method that adds or removes them; raises StabilityError for other ones."""
    try:
        settings = json.loads(cfg)
        method, target = settings.get("method"), str(settings.get("target", "residual"))
    except (ValueError, AttributeError, RecursionError) as error:
        raise no_vector(name, "its cfg is no JSON object") from error
    mode = METHODS.get(method) if isinstance(method, str) else None
    keys = [key for key in tensors if key.endswith(".v")]
    if mode is None or len(keys) < len(tensors):
        raise StabilityError(
            f"A steering vector is needed; {name!r} holds what the method {method!r:.40} of "
            "steering-lite has learned, which is more than one vector a layer: train mean_diff or pca."
        )
    if not target.startswith("resid"):
        raise StabilityError(
            f"A steering vector belongs to the residual stream; {name!r} says target {target!r:.40}: "
            "train it on the residual stream."
        )
    entries = tuple(
        Entry(
            key.removesuffix(".v"),
            checked(tensors[key], key, name),
            site := site_in(key.removesuffix(".v")),
            site,
        )
        for key in keys
    )
    return VectorFile(name, FORMAT, entries, mode, _coefficient(settings.get("coeff"), mode, name))


def _coefficient(coeff: Any, mode: str, name: str) -> float | None:
    """The coefficient that the file proposes; None for an ablation, which removes all of the part.

    There the tool's `coeff` adds `coeff·v̂` afterwards; raises StabilityError unless it adds nothing.
    """
    if mode == PROJECT and coeff not in (None, 0):
        raise StabilityError(
            f"A steering vector is added or projected out; {name!r} says directional_ablation with "
            f"coeff {coeff!r:.40}, which does both: use coeff 0, which projects it out."
        )
    return None if mode == PROJECT else finite(coeff)
