"""Decoders whose queries, keys and values are one matrix, which the file may hold in another order."""

from typing import Any

import numpy as np

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.keys import Keys
from stability.models.gguf.parts import (
    Array,
    Fields,
    equal_heads,
    layer_norm,
    rotary,
    transformer,
)


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
    _require_own_keys(fields)
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
    _require_own_keys(fields)
    if fields.pop("intermediate_size") != 4 * fields["hidden_size"]:
        raise GGUFError("sizes that no BLOOM has")
    # its class names no context
    del fields["max_position_embeddings"]
    return fields | {"model_type": "bloom", "layer_norm_epsilon": layer_norm(keys)}


def neox(file: GGUFFile, keys: Keys) -> Fields:
    """GPT-NeoX and Pythia."""
    fields = equal_heads(rotary(file, keys, partial=True))
    _require_own_keys(fields)
    return fields | {
        "model_type": "gpt_neox",
        "use_parallel_residual": keys.flag("use_parallel_residual"),
        "layer_norm_eps": layer_norm(keys),
        "attention_bias": keys.holds("attn_qkv.bias"),
    }


def by_head(name: str, values: Array, config: Any) -> Array:
    """Return query, key and value of each head together, stored one after another."""
    if "attn_qkv" not in name:
        return values
    parts = values.reshape(3, config.num_attention_heads, -1, *values.shape[1:])
    return parts.swapaxes(0, 1).reshape(values.shape)


def _require_own_keys(fields: Fields) -> None:
    """Take out the number of heads of keys, which is that of queries, or refuse the file."""
    if fields.pop("num_key_value_heads") != fields["num_attention_heads"]:
        raise GGUFError("heads that share keys")
