"""The architectures by their GGUF names: how each is configured, and how its tensors are laid out."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf import dense, fused, mixed, recurrent
from stability.models.gguf.keys import Keys, architecture_of
from stability.models.gguf.parts import (
    Array,
    Fields,
    adjacent_pairs,
    as_stored,
    norms_plus_one,
)


class Architecture(NamedTuple):
    """From keys to the fields of a configuration, and from a stored tensor to a parameter."""

    configure: Callable[[GGUFFile, Keys], Fields]
    layout: Callable[[str, Array, Any], Array] = as_stored


ARCHITECTURES = {
    "llama": Architecture(dense.llama, adjacent_pairs),
    "smollm3": Architecture(dense.smollm3, adjacent_pairs),
    "granite": Architecture(dense.granite, adjacent_pairs),
    "command-r": Architecture(dense.cohere),
    "qwen2": Architecture(dense.qwen2),
    "qwen2moe": Architecture(mixed.qwen2moe, mixed.shared_gate),
    "qwen3": Architecture(dense.qwen3),
    "qwen3moe": Architecture(mixed.qwen3moe),
    "qwen35": Architecture(recurrent.qwen35, recurrent.qwen35_layout),
    "gemma": Architecture(mixed.gemma, norms_plus_one),
    "gemma2": Architecture(mixed.gemma2, norms_plus_one),
    "gemma3": Architecture(mixed.gemma3, norms_plus_one),
    "olmo2": Architecture(dense.olmo2),
    "lfm2": Architecture(recurrent.lfm2, recurrent.lfm2_layout),
    "phi2": Architecture(dense.phi2),
    "phi3": Architecture(dense.phi3),
    "stablelm": Architecture(dense.stablelm),
    "starcoder2": Architecture(dense.starcoder2),
    "nemotron": Architecture(dense.nemotron, norms_plus_one),
    "falcon": Architecture(fused.falcon, fused.falcon_layout),
    "gpt2": Architecture(fused.gpt2, fused.gpt2_layout),
    "gptneox": Architecture(fused.neox, fused.by_head),
    "bloom": Architecture(fused.bloom, fused.by_head),
    "mamba": Architecture(recurrent.mamba, recurrent.mamba_layout),
}


def configure(file: GGUFFile) -> Fields:
    """Return the fields of the configuration that a file describes, every key read.

    Raises:
        GGUFError: the architecture or a key cannot be read, or a key is missing.

    """
    name = architecture_of(file)
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise GGUFError(f"the architecture {name!r}, none of {known}")
    keys = Keys(file)
    fields = ARCHITECTURES[name].configure(file, keys)
    keys.finish()
    ids = ("bos_token_id", "eos_token_id", "padding_token_id")
    bos, eos, pad = (file.metadata.get(f"tokenizer.ggml.{key}") for key in ids)
    return fields | {"bos_token_id": bos, "eos_token_id": eos, "pad_token_id": pad}
