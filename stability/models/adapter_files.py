"""The files of an adapter: its weights, and the name of its base, not followed wherever it leads."""

from pathlib import Path

from stability.errors import StabilityError
from stability.models.folder import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    CONFIG,
    INDEX,
    WEIGHTS,
    has_adapter,
    read_json,
)
from stability.models.model_name import ModelName, parse_name, shortened


def stands_alone(folder: Path) -> bool:
    """Return whether a folder holds an adapter without the model that it changes."""
    return has_adapter(folder) and not (folder / CONFIG).exists()


def adapter_weights(folder: Path, name: str) -> Path:
    """Return the weights of an adapter; raise StabilityError where they are missing or pickles."""
    path = folder / ADAPTER_WEIGHTS
    if not path.is_file():
        raise StabilityError(
            f"An adapter's weights must be safetensors; {name!r} has no {ADAPTER_WEIGHTS}: convert "
            "them."
        )
    return path


def base_of(folder: Path, name: str, from_hub: bool) -> ModelName:
    """Return the name of the model that an adapter which stands alone changes.

    Raises:
        StabilityError: the adapter names no base; it comes from the hub and names a path on this
            computer; or weights of a whole model lie beside it without their configuration.
    """
    for weights in (WEIGHTS, INDEX):
        if (folder / weights).exists():
            raise StabilityError(
                f"Weights beside an adapter need their configuration; {name!r} has {weights} and no "
                f"{CONFIG}: add it, or remove the weights."
            )
    base = read_json(folder / ADAPTER_CONFIG, name).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise StabilityError(
            f"An adapter must name its base model; {name!r} names {base!r:.40}: set "
            f"base_model_name_or_path in {ADAPTER_CONFIG}."
        )
    found = parse_name(base)
    if from_hub and found.kind == "path":
        raise StabilityError(
            f"An adapter from the hub must name a base on the hub; {name!r} names {shortened(base)}: "
            "load a copy of it from a folder, if you trust it."
        )
    return found


def require_whole(folder: Path, base: str, name: str) -> None:
    """Raise StabilityError if the folder of an adapter's base holds an adapter in its turn."""
    if stands_alone(folder):
        raise StabilityError(
            f"The base of an adapter must be a whole model; {shortened(base)}, the base of {name!r}, "
            "is an adapter: merge it into its own base first."
        )
