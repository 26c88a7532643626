"""The files of a model in one folder, looked at before anything reads them.

What is refused here would be read wrongly, in part, or never: pickles run code when they are read, a
named pipe never ends, and an encoder loads as a language model whose head is random.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from stability.errors import StabilityError
from stability.models.foreign import foreign

CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
WEIGHTS, INDEX, ADAPTER_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "adapter_model.safetensors",
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# the number of blocks, as architectures call it
LAYERS = {"num_hidden_layers", "n_layer", "n_layers", "num_layers"}
# a causal language model has one of these endings, or stands in transformers' own list
CAUSAL = ("ForCausalLM", "LMHeadModel")


def has_adapter(folder: Path) -> bool:
    """Return whether a folder holds an adapter, alone or beside its base."""
    return (folder / ADAPTER_CONFIG).exists()


def require_causal_model(folder: Path, name: str) -> None:
    """Raise StabilityError unless a folder describes a causal language model, with weights to read."""
    require_files(folder, name)
    config = read_json(folder / CONFIG, name)
    tensors = tensor_names(folder, name)
    _require_causal(config, name)
    _require_layers(config, tensors, name)


def require_files(folder: Path, name: str) -> None:
    """Raise StabilityError if a model's folder holds what is no regular file, such as a pipe."""
    odd = [path for path in folder.iterdir() if not (path.is_file() or path.is_dir())]
    if odd:
        raise StabilityError(
            f"A model's files must be regular files; {odd[0].name!r} of {name!r} is none (a pipe, a "
            "device or a broken link): replace it."
        )


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Read a JSON object of a model's folder; raise StabilityError where it is none."""
    if not path.is_file():
        raise StabilityError(
            f"A local model must be a folder with its configuration, weights and tokenizer; {name!r} "
            f"has no {path.name}: check the path."
        )
    with foreign(f"Reading {path.name} of", name, "get a clean copy"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise StabilityError(
            f"{path.name} must be a JSON object; that of {name!r} is a {type(content).__name__}: get a "
            "clean copy."
        )
    return content


def tensor_names(folder: Path, name: str) -> tuple[str, ...]:
    """Return the names of all tensors in a model's safetensors files, from their headers.

    Raises:
        StabilityError: there are none, they are pickles, a part is missing, or there are two sets of
            weights.
    """
    single, index = folder / WEIGHTS, folder / INDEX
    parts = set(_shards(index, name)) if index.exists() else {WEIGHTS} if single.exists() else set()
    if not parts:
        pickles = [path.name for pattern in PICKLES for path in folder.glob(pattern)]
        raise StabilityError(
            f"Weights must be safetensors; {name!r} has only {pickles[0]!r}, a pickle, which could run "
            "code: convert it to safetensors."
            if pickles
            else f"A model needs weights; {name!r} has no {WEIGHTS}: check the path."
        )
    if single.exists() and WEIGHTS not in parts:
        raise StabilityError(
            f"A model must have one set of weights; {name!r} has {WEIGHTS!r} and {INDEX!r}: remove one."
        )
    lost = sorted(part for part in parts if not (folder / part).is_file())
    if lost:
        raise StabilityError(
            f"All weights of a model must be present; {name!r} lacks {lost[0]!r}: get a complete copy."
        )
    with foreign("Reading the weights of", name, "get a clean copy"):
        return tuple(tensor for part in sorted(parts) for tensor in _header(folder / part))


def _shards(index: Path, name: str) -> Iterable[str]:
    shards = read_json(index, name).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(part, str) for part in shards.values()):
        raise StabilityError(
            f"{INDEX} must map tensors to files; that of {name!r} does not: get a clean copy."
        )
    return shards.values()


def _header(path: Path) -> list[str]:
    with safe_open(path, "pt") as weights:
        return list(weights.keys())


def _require_causal(config: dict[str, Any], name: str) -> None:
    architectures = config.get("architectures") or []
    if not isinstance(architectures, list):
        raise StabilityError(
            f"{CONFIG} must list the model's architectures; that of {name!r} says "
            f"{architectures!r:.40}: get a clean copy."
        )
    known = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()
    if architectures and not any(
        str(architecture) in known or str(architecture).endswith(CAUSAL)
        for architecture in architectures
    ):
        raise StabilityError(
            f"A model must predict the next token; {name!r} is a {architectures[0]}, which does not "
            "(an encoder, a classifier or an encoder-decoder): choose a causal language model."
        )


def _require_layers(config: dict[str, Any], tensors: tuple[str, ...], name: str) -> None:
    """A block has at least one tensor: an endless number of blocks must not be built in vain."""
    for key, value in config.items():
        if isinstance(value, dict):
            _require_layers(value, tensors, name)
        elif key in LAYERS and isinstance(value, int | float) and value > len(tensors):
            raise StabilityError(
                f"A block has weights; {name!r} is to have more blocks than its {len(tensors)} "
                f"tensors: check {key} in {CONFIG}."
            )
