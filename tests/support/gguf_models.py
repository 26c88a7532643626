"""Tiny random models written as GGUF files, as llama.cpp's converter writes them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import gguf
import numpy as np
import torch
from support.models import random_model
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from stability.models.packaged.convert import convert

VOCAB, CONTEXT, WIDTH, HIDDEN, LAYERS = 258, 64, 32, 48, 3
IDS = torch.randint(0, VOCAB, (1, 40), generator=torch.Generator().manual_seed(1))
Values = dict[str, object]


@dataclass
class Family:
    """An architecture: a configuration of transformers, the keys that say the same, and the layout."""

    model_type: str
    fields: Values = field(default_factory=dict)
    keys: Values = field(default_factory=dict)
    layout: Callable[[str, np.ndarray, object], np.ndarray] = lambda name, values, config: values


def rope_pairs(name: str, values: np.ndarray, config) -> np.ndarray:
    """As `permute` of llama.cpp's converter: of each head, the two halves interleaved."""
    for part, heads in (
        ("attn_q", config.num_attention_heads),
        ("attn_k", config.num_key_value_heads),
    ):
        if f".{part}." in name:
            halves = values.reshape(heads, 2, -1, *values.shape[1:])
            return halves.swapaxes(1, 2).reshape(values.shape)
    return values


def plus_one(name: str, values: np.ndarray, config) -> np.ndarray:
    return values + 1 if name.endswith("norm.weight") else values


def transposed(name: str, values: np.ndarray, config) -> np.ndarray:
    return values.T if name.startswith("blk.") and values.ndim == 2 else values


def falcon_parts(name: str, values: np.ndarray, config) -> np.ndarray:
    if "attn_qkv" not in name:
        return values
    heads = config.num_attention_heads
    groups = config.num_kv_heads if config.new_decoder_architecture else 1
    grouped = values.reshape(groups, heads // groups + 2, -1, values.shape[-1])
    parts = grouped[:, :-2], grouped[:, -2:-1], grouped[:, -1:]
    return np.concatenate([part.reshape(-1, values.shape[-1]) for part in parts])


def parts_apart(name: str, values: np.ndarray, config) -> np.ndarray:
    if "attn_qkv" not in name:
        return values
    heads = values.reshape(config.num_attention_heads, 3, -1, *values.shape[1:])
    return heads.swapaxes(0, 1).reshape(values.shape)


def mamba_parts(name: str, values: np.ndarray, config) -> np.ndarray:
    if name.endswith("ssm_a"):
        return -np.exp(values)
    return values[:, 0] if name.endswith("ssm_conv1d.weight") else values


def qwen35_parts(name: str, values: np.ndarray, config) -> np.ndarray:
    """Value heads by turns of their key heads; norms plus one; the decay's exponential."""
    part, keys = (
        name.split(".", 2)[-1],
        2 * config.linear_num_key_heads * config.linear_key_head_dim,
    )

    def by_turns(rows: np.ndarray, width: int) -> np.ndarray:
        # as `_reorder_v_heads` of the converter
        shape = config.linear_num_key_heads, -1, width, *rows.shape[1:]
        return rows.reshape(shape).swapaxes(0, 1).reshape(rows.shape)

    width = config.linear_value_head_dim
    if part in ("ssm_a", "ssm_dt.bias", "ssm_alpha.weight", "ssm_beta.weight"):
        return by_turns(-np.exp(values) if part == "ssm_a" else values, 1)
    if part == "ssm_conv1d.weight":
        values = values[:, 0]
    if part in ("attn_qkv.weight", "ssm_conv1d.weight"):
        return np.concatenate([values[:keys], by_turns(values[keys:], width)])
    if part == "attn_gate.weight":
        return by_turns(values, width)
    if part == "ssm_out.weight":
        return by_turns(values.T, width).T
    return values if part == "ssm_norm.weight" else plus_one(name, values, config)


_SIZES = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
_FIELDS = {**_SIZES, "intermediate_size": HIDDEN, "max_position_embeddings": CONTEXT}
_GROUPED = {**_FIELDS, "num_key_value_heads": 2}
_KEYS = {
    "context_length": CONTEXT,
    "embedding_length": WIDTH,
    "block_count": LAYERS,
    "feed_forward_length": HIDDEN,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
}
_RMS = {**_KEYS, "attention.layer_norm_rms_epsilon": 2e-5}
_NORM = {**_KEYS, "attention.layer_norm_epsilon": 2e-5}
_WIDE = {"head_dim": 256, "rms_norm_eps": 2e-5}
_WIDE_KEYS = {**_RMS, "attention.key_length": 256, "attention.value_length": 256}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_EXPERT_KEYS = {"expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 16}
_ALONE = {**_NORM, "attention.head_count_kv": 4}

FAMILIES: dict[str, Family] = {
    "llama": Family(
        "llama",
        {**_GROUPED, "rms_norm_eps": 2e-5},
        {**_RMS, "rope.dimension_count": 8, "vocab_size": VOCAB},
        rope_pairs,
    ),
    "smollm3": Family(
        "smollm3",
        {**_GROUPED, "num_hidden_layers": 5, "rms_norm_eps": 2e-5, "rope_theta": 10000.0},
        {**_RMS, "block_count": 5, "rope.dimension_count": 8},
        rope_pairs,
    ),
    "granite": Family(
        "granite",
        {
            **_GROUPED,
            "rms_norm_eps": 2e-5,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.5,
            "attention_multiplier": 0.25,
            "logits_scaling": 2.0,
        },
        {
            **_RMS,
            "embedding_scale": 3.0,
            "residual_scale": 0.5,
            "attention.scale": 0.25,
            "logit_scale": 2.0,
        },
        rope_pairs,
    ),
    "command-r": Family(
        "cohere",
        {**_GROUPED, "layer_norm_eps": 2e-5, "logit_scale": 0.5},
        {**_NORM, "logit_scale": 0.5, "rope.freq_base": 5e5, "rope.scaling.type": "none"},
    ),
    "qwen2": Family("qwen2", {**_GROUPED, "rms_norm_eps": 2e-5}, _RMS),
    "qwen2moe": Family(
        "qwen2_moe",
        {**_GROUPED, "rms_norm_eps": 2e-5, **_EXPERTS, "shared_expert_intermediate_size": 24},
        {**_RMS, **_EXPERT_KEYS, "expert_shared_feed_forward_length": 24},
    ),
    "qwen3": Family(
        "qwen3",
        {**_GROUPED, "rms_norm_eps": 2e-5, "head_dim": 16},
        {**_RMS, "attention.key_length": 16, "attention.value_length": 16},
    ),
    "qwen3moe": Family(
        "qwen3_moe",
        {**_GROUPED, "rms_norm_eps": 2e-5, "head_dim": 16, **_EXPERTS, "norm_topk_prob": True},
        {**_RMS, **_EXPERT_KEYS, "attention.key_length": 16, "attention.value_length": 16},
    ),
    "qwen35": Family(
        "qwen3_5_text",
        {
            **_GROUPED,
            "rms_norm_eps": 2e-5,
            "head_dim": 24,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.25,
                "mrope_section": [1, 1, 1],
            },
            "layer_types": ["linear_attention", "full_attention", "linear_attention"],
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 6,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 4,
            "linear_conv_kernel_dim": 3,
        },
        {
            **_RMS,
            "attention.key_length": 24,
            "attention.value_length": 24,
            "rope.dimension_count": 6,
            "rope.dimension_sections": [1, 1, 1, 0],
            "full_attention_interval": 2,
            "ssm.conv_kernel": 3,
            "ssm.state_size": 8,
            "ssm.group_count": 2,
            "ssm.time_step_rank": 6,
            "ssm.inner_size": 24,
        },
        qwen35_parts,
    ),
    "gemma": Family("gemma", {**_GROUPED, **_WIDE}, _WIDE_KEYS, plus_one),
    "gemma2": Family(
        "gemma2",
        {
            **_GROUPED,
            **_WIDE,
            "sliding_window": 8,
            "attn_logit_softcapping": 20.0,
            "final_logit_softcapping": 15.0,
        },
        {
            **_WIDE_KEYS,
            "attention.sliding_window": 8,
            "attn_logit_softcapping": 20.0,
            "final_logit_softcapping": 15.0,
        },
        plus_one,
    ),
    "gemma3": Family(
        "gemma3_text",
        {**_GROUPED, **_WIDE, "num_hidden_layers": 7, "sliding_window": 8},
        {**_WIDE_KEYS, "block_count": 7, "attention.sliding_window": 8, "rope.freq_base": 1e6},
        plus_one,
    ),
    "olmo2": Family("olmo2", {**_GROUPED, "rms_norm_eps": 2e-5}, _RMS),
    "lfm2": Family(
        "lfm2",
        {
            **_GROUPED,
            "norm_eps": 2e-5,
            "layer_types": ["conv", "full_attention", "conv"],
            "block_auto_adjust_ff_dim": False,
            "rope_theta": 1e6,
        },
        {
            **_RMS,
            "attention.head_count_kv": [0, 2, 0],
            "shortconv.l_cache": 3,
            "rope.freq_base": 1e6,
        },
        lambda name, values, config: values[:, 0] if "conv.weight" in name else values,
    ),
    "phi2": Family(
        "phi",
        {**_FIELDS, "layer_norm_eps": 2e-5, "partial_rotary_factor": 0.5},
        {**_ALONE, "rope.dimension_count": 4},
    ),
    "phi3": Family("phi3", {**_GROUPED, "rms_norm_eps": 2e-5}, _RMS),
    "stablelm": Family(
        "stablelm",
        {**_GROUPED, "layer_norm_eps": 2e-5, "partial_rotary_factor": 0.25},
        {**_NORM, "rope.dimension_count": 2, "use_parallel_residual": False},
    ),
    "starcoder2": Family("starcoder2", {**_GROUPED, "norm_epsilon": 2e-5}, _NORM),
    "nemotron": Family(
        "nemotron",
        {**_GROUPED, "norm_eps": 2e-5, "partial_rotary_factor": 0.5},
        {**_NORM, "rope.dimension_count": 4, "rope.scaling.type": "none"},
        plus_one,
    ),
    "falcon": Family(
        "falcon",
        {
            **_SIZES,
            "max_position_embeddings": CONTEXT,
            "multi_query": True,
            "layer_norm_epsilon": 2e-5,
            "ffn_hidden_size": HIDDEN,
        },
        {**_NORM, "attention.head_count_kv": 1, "tensor_data_layout": "jploski"},
        falcon_parts,
    ),
    "gpt2": Family(
        "gpt2",
        {
            "n_embd": WIDTH,
            "n_layer": LAYERS,
            "n_head": 4,
            "n_positions": CONTEXT,
            "n_inner": HIDDEN,
            "layer_norm_epsilon": 2e-5,
        },
        _ALONE,
        transposed,
    ),
    "gptneox": Family(
        "gpt_neox",
        {**_FIELDS, "layer_norm_eps": 2e-5, "rotary_pct": 0.25},
        {
            **_NORM,
            "attention.head_count_kv": None,
            "rope.dimension_count": 2,
            "use_parallel_residual": True,
        },
        parts_apart,
    ),
    "bloom": Family(
        "bloom",
        {**_SIZES, "layer_norm_epsilon": 2e-5},
        {**_ALONE, "feed_forward_length": 4 * WIDTH},
        parts_apart,
    ),
    "mamba": Family(
        "mamba",
        {
            "hidden_size": WIDTH,
            "num_hidden_layers": LAYERS,
            "state_size": 6,
            "time_step_rank": 5,
            "layer_norm_epsilon": 2e-5,
        },
        {
            "context_length": 2**20,
            "embedding_length": WIDTH,
            "feed_forward_length": 0,
            "attention.head_count": 0,
            "block_count": LAYERS,
            "ssm.conv_kernel": 4,
            "ssm.inner_size": 2 * WIDTH,
            "ssm.state_size": 6,
            "ssm.time_step_rank": 5,
            "attention.layer_norm_rms_epsilon": 2e-5,
        },
        mamba_parts,
    ),
}


def described(name: str, fields: Values) -> PreTrainedModel:
    """The model of a family that transformers builds from the family's fields and these."""
    family = FAMILIES[name]
    kind = str(fields.get("model_type", family.model_type))
    ids = {"bos_token_id": VOCAB - 1, "eos_token_id": VOCAB - 1, "pad_token_id": None}
    values = {"vocab_size": VOCAB, "tie_word_embeddings": False, **ids, **family.fields, **fields}
    config = AutoConfig.for_model(kind, **{k: v for k, v in values.items() if k != "model_type"})
    config._attn_implementation = "eager"
    return random_model(config)


def write_model(
    path: Path,
    name: str,
    model: PreTrainedModel,
    keys: Values | None = None,
    tensors: dict[str, np.ndarray] | None = None,
    metadata: Values | None = None,
) -> None:
    """Write a model with a byte vocabulary.

    `keys` (under the architecture), `tensors` and `metadata` are added, or replace what is there;
    None leaves out.
    """
    writer = gguf.GGUFWriter(path, name)
    for key, value in {**FAMILIES[name].keys, **(keys or {})}.items():
        add_value(writer, f"{name}.{key}", value)
    for key, value in {**byte_vocabulary(), **(metadata or {})}.items():
        add_value(writer, key, value)
    for tensor, values in {**stored_tensors(name, model), **(tensors or {})}.items():
        if isinstance(values, tuple):
            writer.add_tensor(tensor, values[0], raw_dtype=values[1])
        elif values is not None:
            writer.add_tensor(tensor, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_value(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    """Add a value in the type that converters give it."""
    if value is None:
        return
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
    kinds |= {str: writer.add_string, list: writer.add_array}
    kinds[type(value)](key, value)


def byte_vocabulary() -> Values:
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [*sorted(ByteLevel.alphabet()), "ab", "<|end|>"],
        "tokenizer.ggml.token_type": [1] * (VOCAB - 1) + [3],
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": VOCAB - 1,
        "tokenizer.ggml.eos_token_id": VOCAB - 1,
    }


def stored_tensors(name: str, model: PreTrainedModel) -> dict[str, np.ndarray]:
    """The parameters by their GGUF names, in the layout of the converter."""
    code = next(code for code, known in gguf.MODEL_ARCH_NAMES.items() if known == name)
    names = gguf.get_tensor_name_map(code, model.config.num_hidden_layers)
    stored = {}
    for key, parameter in model.named_parameters():
        values = parameter.detach().numpy()
        block = key.split("layers.")[-1].split(".")[0]
        if key.endswith("experts.gate_up_proj"):
            gate, up = np.split(values, 2, axis=1)
            stored |= {
                f"blk.{block}.ffn_gate_exps.weight": gate,
                f"blk.{block}.ffn_up_exps.weight": up,
            }
            continue
        if key.endswith("experts.down_proj"):
            stored[f"blk.{block}.ffn_down_exps.weight"] = values
            continue
        if key.endswith("shared_expert_gate.weight"):
            values = values[0]
        # some are named as in the model without its head, and one as if it were a layer's
        body, layer = (
            key.removeprefix(f"{model.base_model_prefix}."),
            key.replace("_bias", "_proj.bias"),
        )
        known = [names.get_name(spelled, (".weight", ".bias")) for spelled in (key, body, layer)]
        stored_name = next(filter(None, known))
        stored[stored_name] = FAMILIES[name].layout(stored_name, values, model.config)
    return stored


def read_back(path: Path, folder: Path) -> PreTrainedModel:
    """The model that becomes of a file."""
    (folder / "source").mkdir(parents=True)
    convert(path, folder, lambda message, fraction: None)
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


def logits(model: PreTrainedModel, length: int = 40) -> Tensor:
    with torch.no_grad():
        return model(input_ids=IDS[:, :length], use_cache=False).logits[0]
