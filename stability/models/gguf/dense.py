"""Decoders of attention and one feed-forward layer a block, as transformers configures them."""

from stability.gguf_format import GGUFFile
from stability.models.gguf.keys import Keys
from stability.models.gguf.parts import (
    Fields,
    attention_bias,
    equal_heads,
    layer_norm,
    mlp_bias,
    rms,
    rotary,
)


def llama(file: GGUFFile, keys: Keys) -> Fields:
    """Llama; and without biases Mistral, which has a window, and Mixtral, which has experts."""
    fields = rotary(file, keys) | rms(keys)
    window = keys.integer("attention.sliding_window", 0) or None
    if experts := keys.integer("expert_count", 0):
        used = keys.integer("expert_used_count")
        chosen = {"num_local_experts": experts, "num_experts_per_tok": used}
        return fields | chosen | {"model_type": "mixtral", "sliding_window": window}
    if window:
        return fields | {"model_type": "mistral", "sliding_window": window}
    return fields | attention_bias(keys) | mlp_bias(keys) | {"model_type": "llama"}


def smollm3(file: GGUFFile, keys: Keys) -> Fields:
    """SmolLM 3: Llama, without a rotation in every fourth layer."""
    fields = rotary(file, keys) | rms(keys) | attention_bias(keys) | mlp_bias(keys)
    return fields | {"model_type": "smollm3", "no_rope_layer_interval": 4}


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


def olmo2(file: GGUFFile, keys: Keys) -> Fields:
    """OLMo 2: norms after the layers, and of queries and keys over all heads."""
    return rotary(file, keys) | rms(keys) | attention_bias(keys) | {"model_type": "olmo2"}


def phi2(file: GGUFFile, keys: Keys) -> Fields:
    """Phi 1, 1.5 and 2."""
    fields = equal_heads(rotary(file, keys, partial=True))
    return fields | {"model_type": "phi", "layer_norm_eps": layer_norm(keys)}


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
