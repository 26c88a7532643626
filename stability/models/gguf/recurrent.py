"""Decoders with layers that carry a state or convolve instead of attending."""

from typing import Any

import numpy as np

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.keys import Keys
from stability.models.gguf.parts import (
    Array,
    Fields,
    decoder,
    equal_heads,
    norms_plus_one,
    rms,
    rotary,
)

FULL = "full_attention"


def lfm2(file: GGUFFile, keys: Keys) -> Fields:
    """LFM 2: attention in the layers that have keys, a short convolution in the others."""
    stated = keys.value("attention.head_count_kv")
    counts = stated if isinstance(stated, list) else []
    if {type(count) for count in counts} != {int} or len({*counts} - {0}) != 1:
        raise GGUFError(f"{keys.prefix}attention.head_count_kv = {stated!r}, not of each layer")
    fields = rotary(file, keys) | {"num_key_value_heads": max(counts)}
    if len(counts) != fields["num_hidden_layers"]:
        raise GGUFError(f"{keys.prefix}attention.head_count_kv of {len(counts)} layers")
    return equal_heads(fields) | {
        "model_type": "lfm2",
        "layer_types": [FULL if count else "conv" for count in counts],
        "norm_eps": keys.number("attention.layer_norm_rms_epsilon"),
        "conv_L_cache": keys.integer("shortconv.l_cache"),
        "conv_bias": keys.holds("shortconv.conv.bias"),
        "block_auto_adjust_ff_dim": False,
    }


def lfm2_layout(name: str, values: Array, config: Any) -> Array:
    """Return the convolution with its channel."""
    return values[:, None] if name.endswith("shortconv.conv.weight") else values


def qwen35(file: GGUFFile, keys: Keys) -> Fields:
    """Qwen 3.5: attention in every few layers, a gated delta rule in the others.

    Of texts alone, whose positions are the same along each axis of the rotation. Layers that predict
    further tokens come last, and no logit depends on them.
    """
    fields = rotary(file, keys, partial=True) | rms(keys)
    fields["rope_parameters"] |= {"mrope_section": _axes(keys), "mrope_interleaved": True}
    fields["num_hidden_layers"] -= _further(file, keys, fields["num_hidden_layers"])
    value_heads, inner = keys.integer("ssm.time_step_rank"), keys.integer("ssm.inner_size")
    if inner % value_heads:
        raise GGUFError(f"{keys.prefix}ssm.inner_size = {inner} of {value_heads} heads")
    return fields | {
        "model_type": "qwen3_5_text",
        "full_attention_interval": keys.integer("full_attention_interval", 4),
        "linear_conv_kernel_dim": keys.integer("ssm.conv_kernel"),
        "linear_key_head_dim": keys.integer("ssm.state_size"),
        "linear_num_key_heads": keys.integer("ssm.group_count"),
        "linear_num_value_heads": value_heads,
        "linear_value_head_dim": inner // value_heads,
    }


def _further(file: GGUFFile, keys: Keys, n_blocks: int) -> int:
    """How many of the last blocks predict further tokens, each with tensors of that name."""
    stated = keys.integer("nextn_predict_layers", 0)
    named = {name.split(".")[1] for name in file.tensors if ".nextn." in name}
    if stated >= n_blocks or named != {str(n_blocks - back) for back in range(1, stated + 1)}:
        raise GGUFError(f"{keys.prefix}nextn_predict_layers = {stated} of {n_blocks} blocks")
    return stated


def _axes(keys: Keys) -> list[int]:
    """How many pairs rotate along each of three axes, padded by a zero."""
    stated = keys.value("rope.dimension_sections")
    sizes = [size for size in stated if size] if isinstance(stated, list) else []
    if len(sizes) != 3 or {type(size) for size in sizes} != {int} or min(sizes) < 1:
        raise GGUFError(f"{keys.prefix}rope.dimension_sections = {stated!r}, not of three axes")
    return sizes


def qwen35_layout(name: str, values: Array, config: Any) -> Array:
    """Return value heads by their key heads, stored by turns; and decays, convolutions and norms."""
    part = name.split(".", 2)[-1]
    groups, width = config.linear_num_key_heads, config.linear_value_head_dim
    fixed = 2 * groups * config.linear_key_head_dim
    if part in ("ssm_a", "ssm_dt.bias", "ssm_alpha.weight", "ssm_beta.weight"):
        values = _grouped(values, groups, 1)
        return np.log(-values) if part == "ssm_a" else values
    if part == "attn_gate.weight":
        return _grouped(values, groups, width)
    if part == "ssm_out.weight":
        return _grouped(values.T, groups, width).T
    if part in ("attn_qkv.weight", "ssm_conv1d.weight"):
        values = np.concatenate([values[:fixed], _grouped(values[fixed:], groups, width)])
        return values[:, None] if part == "ssm_conv1d.weight" else values
    return values if part == "ssm_norm.weight" else norms_plus_one(name, values, config)


def _grouped(rows: Array, groups: int, width: int) -> Array:
    """Rows of heads of a width, from `head, group` order to `group, head`."""
    return rows.reshape(-1, groups, width, *rows.shape[1:]).swapaxes(0, 1).reshape(rows.shape)


def mamba(file: GGUFFile, keys: Keys) -> Fields:
    """Mamba 1."""
    for key in ("attention.head_count", "attention.head_count_kv", "feed_forward_length"):
        keys.require(key, 0)
    keys.require("ssm.dt_b_c_rms", False)
    fields = decoder(file, keys)
    del fields["max_position_embeddings"]
    width, inner = fields["hidden_size"], keys.integer("ssm.inner_size")
    if inner % width:
        raise GGUFError(f"{keys.prefix}ssm.inner_size = {inner}, no multiple of {width}")
    return fields | {
        "model_type": "mamba",
        "expand": inner // width,
        "conv_kernel": keys.integer("ssm.conv_kernel"),
        "state_size": keys.integer("ssm.state_size"),
        "time_step_rank": keys.integer("ssm.time_step_rank"),
        "layer_norm_epsilon": keys.number("attention.layer_norm_rms_epsilon"),
        "use_bias": keys.holds("ssm_in.bias"),
        "use_conv_bias": keys.holds("ssm_conv1d.bias"),
    }


def mamba_layout(name: str, values: Array, config: Any) -> Array:
    """Return the decay as its logarithm and the convolution with its channel."""
    if name.endswith("ssm_a"):
        return np.log(-values)
    return values[:, None] if name.endswith("ssm_conv1d.weight") else values
