"""Adapters (LoRA, arXiv 2106.09685): low-rank changes of a base model's weights, merged into them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from stability.errors import StabilityError
from stability.models.adapter_files import adapter_weights, base_of, require_whole, stands_alone
from stability.models.folder import ADAPTER_CONFIG, has_adapter, read_json
from stability.models.foreign import foreign
from stability.models.locate import locate
from stability.models.progress import Report
from stability.models.transformers_logging import quiet

# settings of LoRA that load code, or change the network beyond its weights
BEYOND_LORA = ("layer_replication", "megatron_config")
# relative to the largest logit: merging rounds each weight once more, in the model's own precision
MERGED = 16  # units of rounding


def locate_base(folder: Path, revision: str, name: str, report: Report) -> tuple[Path, str]:
    """Return the folder and the revision of the model that an adapter changes.

    It is the folder itself where a whole model stands beside the adapter.

    Raises:
        StabilityError: the adapter names no base, one that is an adapter too, or, if it comes from the
            hub, one on this computer.
    """
    if not stands_alone(folder):
        return folder, "the model beside it"
    base = base_of(folder, name, from_hub=revision != "local")
    located, base_revision = locate(base.text, report)
    require_whole(located, base.text, name)
    return located, f"{base.text} {base_revision}"


@contextmanager
def without_adapter(folder: Path) -> Iterator[Path]:
    """Hide an adapter from transformers, which applies one silently where `peft` is installed.

    Yields:
        A folder with the same files but those of the adapter.
    """
    if not has_adapter(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as plain:
        for path in folder.iterdir():
            if not path.name.startswith("adapter_"):
                os.symlink(path.absolute(), Path(plain) / path.name)
        yield Path(plain)


def merge_adapter(model: Any, folder: Path, name: str) -> Any:
    """Return a model with the adapter of a folder merged into its weights.

    Raises:
        StabilityError: `peft` is not installed, the weights are a pickle, some of them do not fit the
            model, or merged they give other logits than beside the model.
    """
    weights = adapter_weights(folder, name)
    _require_lora(read_json(folder / ADAPTER_CONFIG, name), name)
    try:
        from peft import PeftModel, get_peft_model_state_dict
    except ImportError as error:
        raise StabilityError(
            f"An adapter needs the package peft, which is not installed, and {name!r} has one: run "
            "pip install 'stability[adapters]', or remove the adapter."
        ) from error
    with foreign("Applying the adapter of", name, "check that it belongs to its base"), quiet():
        adapted: Any = PeftModel.from_pretrained(model, str(folder), is_trainable=False).eval()
        _require_applied(get_peft_model_state_dict(adapted), load_file(weights), name)
        expected = _some_logits(adapted)
        merged = adapted.merge_and_unload()
        _require_same(_some_logits(merged), expected, model.dtype, name)
    return merged


def _require_lora(config: dict[str, Any], name: str) -> None:
    """Other kinds may name further files, pickles among them, or code, and cannot be merged."""
    kind = config.get("peft_type")
    odd = [key for key in BEYOND_LORA if config.get(key)]
    if kind != "LORA" or odd:
        received = f"sets {odd[0]}" if kind == "LORA" else f"is {kind!r}"
        raise StabilityError(
            f"An adapter must be plain LoRA to be merged; {name!r} {received}: merge it with the tool "
            "that made it."
        )


def _require_applied(
    applied: dict[str, torch.Tensor], stored: dict[str, torch.Tensor], name: str
) -> None:
    """Raise unless every stored tensor is in the model, and every tensor of the adapter was stored."""
    lost = sorted(set(applied) ^ set(stored)) or sorted(
        key
        for key, tensor in stored.items()
        if not applied[key].equal(tensor.to(applied[key].dtype))
    )
    if lost:
        raise StabilityError(
            f"All weights of an adapter must fit its base; {lost[0]!r} of {name!r} does not: check "
            f"target_modules in {ADAPTER_CONFIG}, and the base."
        )


def _require_same(
    logits: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype, name: str
) -> None:
    """A change of a head that shares its weights with the embedding cannot be merged."""
    error = float((logits - expected).abs().max() / expected.abs().max())
    tolerance = MERGED * torch.finfo(torch.float32).eps * 64 + MERGED * torch.finfo(dtype).eps
    if not error <= tolerance:
        raise StabilityError(
            f"A merged adapter must give the logits that it gives beside its base, to {tolerance:.1e}; "
            f"those of {name!r} are off by {error:.1e}: untie its embedding, or merge it yourself."
        )


def _some_logits(model: Any) -> torch.Tensor:
    ids = torch.arange(4, 12)[None] % model.get_input_embeddings().weight.shape[0]
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=ids.to(model.device)).logits
    return logits.double()
