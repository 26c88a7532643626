"""The files of a model in one folder, looked at before anything reads them.

What is refused here would be read wrongly, in part, or never: pickles run code when they are read, a
named pipe never ends, and an encoder loads as a language model whose head is random.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open

from stability.errors import StabilityError
from stability.models.foreign import foreign
from stability.models.model_name import shortened

CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
WEIGHTS, INDEX, ADAPTER_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "adapter_model.safetensors",
)
# bytes: no description of a model is longer
LONGEST_TEXT = 50_000_000
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
    shapes = tensor_shapes(weight_files(folder, name), name)
    _require_causal(config, name)
    _require_layers(config, len(shapes), name)


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
    if (size := path.stat().st_size) > LONGEST_TEXT:
        raise StabilityError(
            f"{path.name} must have at most {LONGEST_TEXT:,} bytes; that of {name!r} has {size:,}: get "
            "a clean copy."
        )
    with foreign(f"Reading {path.name} of", name, "get a clean copy"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise StabilityError(
            f"{path.name} must be a JSON object; that of {name!r} is a {type(content).__name__}: get a "
            "clean copy."
        )
    return content


def weight_files(folder: Path, name: str) -> list[Path]:
    """Return the safetensors files that loading a model's folder reads.

    Raises:
        StabilityError: there are none, they are pickles, a part is missing or lies elsewhere, or there
            are two sets of weights.
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
    lost = sorted(part for part in parts if not _is_file_of(folder, part))
    if lost:
        raise StabilityError(
            f"All weights of a model must be present in its folder; {name!r} lacks "
            f"{shortened(lost[0])}: get a complete copy."
        )
    return [folder / part for part in sorted(parts)]


def tensor_shapes(files: Iterable[Path], name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors in a model's safetensors files by name, from their headers."""
    shapes: dict[str, tuple[int, ...]] = {}
    with foreign("Reading the weights of", name, "get a clean copy"):
        for path in files:
            with safe_open(path, "np") as weights:
                shapes |= {key: tuple(weights.get_slice(key).get_shape()) for key in weights.keys()}  # noqa: SIM118
    return shapes


def _shards(index: Path, name: str) -> Iterable[str]:
    shards = read_json(index, name).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(part, str) for part in shards.values()):
        raise StabilityError(
            f"{INDEX} must map tensors to files; that of {name!r} does not: get a clean copy."
        )
    return shards.values()


def _is_file_of(folder: Path, part: str) -> bool:
    """Whether a name is that of a file in a folder itself: an index must not lead anywhere else."""
    return part == Path(part).name and (folder / part).is_file()


def _require_causal(config: dict[str, Any], name: str) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

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


def _require_layers(config: dict[str, Any], n_tensors: int, name: str) -> None:
    """A block has at least one tensor: an endless number of blocks must not be built in vain."""
    for key, value in config.items():
        if isinstance(value, dict):
            _require_layers(value, n_tensors, name)
        elif key in LAYERS and isinstance(value, int | float) and value > n_tensors:
            raise StabilityError(
                f"A block has weights; {name!r} is to have more blocks than its {n_tensors} "
                f"tensors: check {key} in {CONFIG}."
            )
