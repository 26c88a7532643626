"""Gemma, whose layers attend in two ways, and decoders with experts."""

import math
from typing import Any

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.keys import Keys
from stability.models.gguf.parts import (
    Array,
    Fields,
    attention_bias,
    rms,
    rotary,
)

SLIDING, FULL = "sliding_attention", "full_attention"


def gemma(file: GGUFFile, keys: Keys) -> Fields:
    """Gemma 1."""
    return rotary(file, keys) | rms(keys) | {"model_type": "gemma"}


def gemma2(file: GGUFFile, keys: Keys) -> Fields:
    """Gemma 2: windows in every second layer, and soft-capped logits."""
    keys.require("attention.sliding_window_pattern", 2)
    fields = rotary(file, keys) | rms(keys)
    return fields | {
        "model_type": "gemma2",
        "sliding_window": keys.integer("attention.sliding_window", 4096),
        "attn_logit_softcapping": keys.number("attn_logit_softcapping", 50.0) or None,
        "final_logit_softcapping": keys.number("final_logit_softcapping", 30.0) or None,
        "query_pre_attn_scalar": _query_scale(keys, fields, 46),
    }


def gemma3(file: GGUFFile, keys: Keys) -> Fields:
    """Gemma 3: windows in five layers of six, which rotate by a base of their own, unscaled."""
    fields = rotary(file, keys) | rms(keys)
    scaled = fields["rope_parameters"]
    if scaled["rope_type"] not in ("default", "linear"):
        raise GGUFError(f"a {scaled['rope_type']} rotation in the layers without a window alone")
    local = {"rope_type": "default", "rope_theta": keys.number("rope.freq_base_swa", 10000.0)}
    window = keys.integer("attention.sliding_window", 0)
    layers = _pattern(keys, fields["num_hidden_layers"]) if window else None
    return fields | {
        "model_type": "gemma3_text",
        "sliding_window": window or fields["max_position_embeddings"],
        "layer_types": layers or [FULL] * fields["num_hidden_layers"],
        "rope_parameters": {FULL: scaled, SLIDING: local},
        "attn_logit_softcapping": keys.number("attn_logit_softcapping", 0.0) or None,
        "final_logit_softcapping": keys.number("final_logit_softcapping", 0.0) or None,
        "query_pre_attn_scalar": _query_scale(keys, fields, 62),
    }


def _query_scale(keys: Keys, fields: Fields, layers_of_27b: int) -> int:
    """The divisor of attention's logits, squared; the 27B alone takes the share of the width.

    Without a key, llama.cpp takes the width of a head and transformers 256.
    """
    if scale := keys.number("attention.scale", 0.0):
        if not math.isclose(scale**-2, whole := round(scale**-2), rel_tol=1e-6):
            raise GGUFError(f"{keys.prefix}attention.scale = {scale}, the root of no whole number")
        return whole
    if fields["num_hidden_layers"] == layers_of_27b:
        return fields["hidden_size"] // fields["num_attention_heads"]
    if fields["head_dim"] != 256:
        head = f"heads of {fields['head_dim']} coordinates, not 256"
        raise GGUFError(f"{head}, and no key {keys.prefix}attention.scale")
    return 256


def _pattern(keys: Keys, n_layers: int) -> list[str]:
    """Which layers have a window: every one but each sixth, or by period, or by layer."""
    stated = keys.value("attention.sliding_window_pattern")
    if isinstance(stated, list) and len(stated) == n_layers and set(stated) <= {True, False}:
        return [SLIDING if windowed else FULL for windowed in stated]
    period = 6 if stated is None else stated
    if type(period) is not int or period < 1:
        raise GGUFError(f"{keys.prefix}attention.sliding_window_pattern = {stated!r}")
    return [SLIDING if (layer + 1) % period else FULL for layer in range(n_layers)]


def _experts(keys: Keys, norm: bool) -> Fields:
    """Experts chosen by a softmax; `norm`: whether the weights of the chosen ones sum to one."""
    keys.require("expert_gating_func", 1)
    keys.require("expert_weights_norm", norm)
    return {
        "num_experts": keys.integer("expert_count"),
        "num_experts_per_tok": keys.integer("expert_used_count"),
        "moe_intermediate_size": keys.integer("expert_feed_forward_length"),
        "norm_topk_prob": norm,
    }


def qwen2moe(file: GGUFFile, keys: Keys) -> Fields:
    """Qwen 2 with experts, one of them shared."""
    shared = keys.integer("expert_shared_feed_forward_length")
    fields = rotary(file, keys) | rms(keys) | _experts(keys, norm=False)
    return fields | {"model_type": "qwen2_moe", "shared_expert_intermediate_size": shared}


def qwen3moe(file: GGUFFile, keys: Keys) -> Fields:
    """Qwen 3 with experts."""
    fields = rotary(file, keys) | rms(keys) | attention_bias(keys)
    return fields | _experts(keys, norm=True) | {"model_type": "qwen3_moe"}


def shared_gate(name: str, values: Array, config: Any) -> Array:
    """Return the gate of the shared expert as a matrix of one row."""
    return values.reshape(1, -1) if name.endswith("ffn_gate_inp_shexp.weight") else values
