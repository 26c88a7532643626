"""Decoders of attention and one feed-forward layer a block, as transformers configures them."""

from typing import Any

import numpy as np

from stability.models.gguf.format import GGUFError, GGUFFile
from stability.models.gguf.keys import Keys
from stability.models.gguf.parts import (
    Array,
    Fields,
    attention_bias,
    equal_heads,
    layer_norm,
    mlp_bias,
    rms,
    rotary,
    transformer,
)


def llama(file: GGUFFile, keys: Keys) -> Fields:
    """Llama, and Mistral, which is the same network with a window and without biases."""
    fields = rotary(file, keys) | rms(keys)
    if window := keys.integer("attention.sliding_window", 0):
        return fields | {"model_type": "mistral", "sliding_window": window}
    return fields | attention_bias(keys) | mlp_bias(keys) | {"model_type": "llama"}


def granite(file: GGUFFile, keys: Keys) -> Fields:
    """Granite: Llama with four multipliers; its `finetuned` says whether anything is rotated."""
    keys.require("rope.scaling.finetuned", True)
    fields = rotary(file, keys) | rms(keys) | attention_bias(keys) | mlp_bias(keys)
    # a zero is no multiplier
    return fields | {
        "model_type": "granite",
        "embedding_multiplier": keys.number("embedding_scale", 0.0) or 1.0,
        "residual_multiplier": keys.number("residual_scale", 0.0) or 1.0,
        "attention_multiplier": keys.number("attention.scale", 0.0) or fields["head_dim"] ** -0.5,
        "logits_scaling": keys.number("logit_scale", 0.0) or 1.0,
    }


def cohere(file: GGUFFile, keys: Keys) -> Fields:
    """Command R: parallel attention and feed-forward layers, and scaled logits."""
    return rotary(file, keys) | {
        "model_type": "cohere",
        "attention_bias": False,
        "layer_norm_eps": layer_norm(keys),
        "logit_scale": keys.number("logit_scale"),
        "use_qk_norm": keys.holds("attn_q_norm.weight"),
    }


def qwen2(file: GGUFFile, keys: Keys) -> Fields:
    """Qwen 2: biases of queries, keys and values."""
    return rotary(file, keys) | rms(keys) | {"model_type": "qwen2"}


def qwen3(file: GGUFFile, keys: Keys) -> Fields:
    """Qwen 3: norms of queries and keys."""
    return rotary(file, keys) | rms(keys) | attention_bias(keys) | {"model_type": "qwen3"}


def phi3(file: GGUFFile, keys: Keys) -> Fields:
    """Phi 3 and 4."""
    fields = equal_heads(rotary(file, keys, partial=True)) | rms(keys)
    context = fields["max_position_embeddings"]
    original = fields["rope_parameters"].get("original_max_position_embeddings", context)
    return fields | {
        "model_type": "phi3",
        "sliding_window": keys.integer("attention.sliding_window", 0) or None,
        "original_max_position_embeddings": original,
    }


def stablelm(file: GGUFFile, keys: Keys) -> Fields:
    """StableLM, whose blocks without a second norm run both layers in parallel."""
    parallel = keys.flag("use_parallel_residual", not keys.holds("ffn_norm.weight"))
    return equal_heads(rotary(file, keys, partial=True)) | {
        "model_type": "stablelm",
        "layer_norm_eps": layer_norm(keys),
        "use_qkv_bias": keys.holds("attn_q.bias"),
        "use_parallel_residual": parallel,
    }


def starcoder2(file: GGUFFile, keys: Keys) -> Fields:
    """StarCoder 2."""
    return rotary(file, keys) | {
        "model_type": "starcoder2",
        "norm_epsilon": layer_norm(keys),
        "use_bias": keys.holds("attn_q.bias"),
        "sliding_window": keys.integer("attention.sliding_window", 0) or None,
    }


def nemotron(file: GGUFFile, keys: Keys) -> Fields:
    """Nemotron 4 and Minitron."""
    fields = rotary(file, keys, partial=True) | attention_bias(keys) | mlp_bias(keys)
    return fields | {"model_type": "nemotron", "norm_eps": layer_norm(keys)}


def falcon(file: GGUFFile, keys: Keys) -> Fields:
    """Falcon; the blocks of the later ones have two norms side by side."""
    keys.require("tensor_data_layout", "jploski")
    fields = equal_heads(rotary(file, keys))
    heads_kv = fields.pop("num_key_value_heads")
    later = keys.holds("attn_norm_2.weight")
    if heads_kv != 1 and not later:
        raise GGUFError(f"{keys.prefix}attention.head_count_kv = {heads_kv} without second norms")
    return fields | {
        "model_type": "falcon",
        "num_kv_heads": heads_kv,
        "new_decoder_architecture": later,
        "multi_query": not later,
        "ffn_hidden_size": fields.pop("intermediate_size"),
        "layer_norm_epsilon": layer_norm(keys),
    }


def falcon_layout(name: str, values: Array, config: Any) -> Array:
    """Return queries, keys and values grouped by the key they share, stored one after another."""
    if "attn_qkv" not in name:
        return values
    groups = config.num_kv_heads
    head_dim = config.hidden_size // config.num_attention_heads
    parts = np.split(values, [-2 * groups * head_dim, -groups * head_dim])
    grouped = [part.reshape(groups, -1, values.shape[1]) for part in parts]
    return np.concatenate(grouped, axis=1).reshape(values.shape)


def gpt2(file: GGUFFile, keys: Keys) -> Fields:
    """GPT-2."""
    fields = equal_heads(transformer(file, keys))
    keys.require("rope.dimension_count", fields["hidden_size"] // fields["num_attention_heads"])
    if fields.pop("num_key_value_heads") != fields["num_attention_heads"]:
        raise GGUFError("heads that share keys")
    return fields | {
        "model_type": "gpt2",
        "n_inner": fields.pop("intermediate_size"),
        "layer_norm_epsilon": layer_norm(keys),
    }


def gpt2_layout(name: str, values: Array, config: Any) -> Array:
    """Return the matrices of blocks, which the class multiplies from the other side."""
    return values.T if name.startswith("blk.") and values.ndim == 2 else values


def bloom(file: GGUFFile, keys: Keys) -> Fields:
    """BLOOM, whose attention falls off with distance (ALiBi)."""
    fields = equal_heads(transformer(file, keys))
    keys.require("attention.max_alibi_bias", 8.0)
    shared = fields.pop("num_key_value_heads") != fields["num_attention_heads"]
    if shared or fields.pop("intermediate_size") != 4 * fields["hidden_size"]:
        raise GGUFError("sizes that no BLOOM has")
    # its class names no context
    del fields["max_position_embeddings"]
    return fields | {"model_type": "bloom", "layer_norm_epsilon": layer_norm(keys)}


def bloom_layout(name: str, values: Array, config: Any) -> Array:
    """Return query, key and value of each head together, stored one after another."""
    if "attn_qkv" not in name:
        return values
    parts = values.reshape(3, config.num_attention_heads, -1, *values.shape[1:])
    return parts.swapaxes(0, 1).reshape(values.shape)
