"""Steering files of lm-evaluation-harness: a dictionary by hook point, in a `.pt` file."""

from typing import Any

from stability.errors import StabilityError
from stability.vector_files.content import no_vector
from stability.vector_files.layer_names import site_of_hook
from stability.vector_files.vector_file import ADD, PROJECT, Entry, VectorFile, checked, finite

FORMAT = ".pt (lm-evaluation-harness)"


def is_lm_eval(content: Any) -> bool:
    """Whether a dictionary has a steering vector for each hook point."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(part, dict) and "steering_vector" in part for part in content.values())
    )


def read_lm_eval(content: dict[str, dict[str, Any]], name: str) -> VectorFile:
    """Read its vectors times their coefficients, as the harness adds them.

    A `clamp` to zero removes the component along the vector. Raises StabilityError for other clamps,
    for attention heads, and for a bias.
    """
    modes = {_mode(hook, part, name) for hook, part in content.items()}
    if len(modes) > 1:
        raise StabilityError(
            f"A file of vectors must add all or project all out; {name!r} does both: split it."
        )
    hooks = {hook: site_of_hook(str(hook), name) for hook in content}
    entries = tuple(_entry(hook, part, hooks[hook][0], name) for hook, part in content.items())
    warnings = tuple(warning for _, said in hooks.values() for warning in said)
    return VectorFile(name, FORMAT, entries, modes.pop(), warnings=warnings)


def _mode(hook: str, part: dict[str, Any], name: str) -> str:
    action, strength = part.get("action", "add"), part.get("steering_coefficient", 1.0)
    if part.get("head_index") is not None or part.get("bias") is not None:
        raise StabilityError(
            f"A steering vector belongs to the residual stream, and is added alone; {hook!r:.60} of "
            f"{name!r} has an attention head or a bias: leave it out."
        )
    if finite(strength) is None:
        raise no_vector(name, f"its steering_coefficient is {strength!r:.40}")
    if action == "add":
        return ADD
    if action == "clamp" and not strength:
        return PROJECT
    raise StabilityError(
        f"A steering vector is added or projected out; {hook!r:.60} of {name!r} says {action!r:.40} to "
        f"{strength:g}: use add, or a clamp to 0, which projects it out."
    )


def _entry(hook: str, part: dict[str, Any], site: str | None, name: str) -> Entry:
    vector = checked(part["steering_vector"], hook, name)
    action, strength = part.get("action", "add"), part.get("steering_coefficient", 1.0)
    return Entry(str(hook), vector * strength if action == "add" else vector, site, site)
