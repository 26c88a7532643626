"""Conversion: from a GGUF file to a folder that transformers reads, with float32 weights."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stability.errors import StabilityError
from stability.models.progress import Report, part

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"


def convert(gguf: Path, folder: Path, report: Report) -> None:
    """Write config, float32 weights and tokenizer of a GGUF, and read the weights back.

    Raises:
        StabilityError: transformers cannot read the file, or the weights read back differently.
        OSError: the disk is full.

    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tokenizer, model = _read(gguf, folder / "source", part(report, 0.0, 0.7))
    report("Writing the float32 weights", 0.7)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    try:
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    except SafetensorError as error:
        # safetensors gives the system's error as text alone
        code = re.search(r"os error (\d+)", str(error))
        raise OSError(int(code[1]) if code else errno.EIO, str(error)) from error
    model.config.architectures = [type(model).__name__]
    for piece in (model.config, model.generation_config, tokenizer):
        piece.save_pretrained(folder)
    report("Verifying the float32 weights", 0.9)
    _verify(folder / WEIGHTS, weights)


def _read(gguf: Path, empty: Path, report: Report) -> tuple[Any, Any]:
    """Let transformers read tokenizer and model.

    Names resolve against an empty folder: beside the user's file a stray config would be read too.
    """
    report("Loading torch and transformers", 0.0)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: Any = {
        "pretrained_model_name_or_path": empty,
        "gguf_file": str(gguf),
        "trust_remote_code": False,
    }
    report("Reading the vocabulary", 0.05)
    with _reading(gguf):
        tokenizer = AutoTokenizer.from_pretrained(**source)
    report("Reading the configuration", 0.25)
    with _reading(gguf):
        config = AutoConfig.from_pretrained(**source)
    report("Dequantising the weights", 0.45)
    with _reading(gguf):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            **source,
            config=config,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            output_loading_info=True,
        )
        model, loading = loaded
        # transformers fills these with random numbers
        if loading["missing_keys"]:
            raise ValueError(
                f"tensors are missing: {', '.join(sorted(loading['missing_keys'])[:3])}"
            )
    return tokenizer, model


@contextmanager
def _reading(gguf: Path) -> Iterator[None]:
    """Silence transformers, and turn whatever it raises into one sentence."""
    from stability.models.transformers_logging import quiet

    try:
        with quiet():
            yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise StabilityError(
            f"{gguf.name} must be a GGUF that transformers can read, received {reason}; "
            "check the file, or choose another model."
        ) from error


def _verify(path: Path, weights: dict[str, "Tensor"]) -> None:
    from safetensors import safe_open

    with safe_open(path, "pt") as written:
        same = set(written.keys()) == set(weights) and all(
            written.get_tensor(name).equal(tensor) for name, tensor in weights.items()
        )
    if not same:
        raise StabilityError(
            f"{path} must read back as written, and it differs; check the disk and start again."
        )
