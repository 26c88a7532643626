"""What architectures share: the parts of a configuration, and the layouts in which tensors are stored.

After llama.cpp, whose loader defines the keys and what holds without them, and whose converter the
layouts.
"""

from typing import Any

import numpy as np

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.keys import Keys
from stability.models.gguf.rotation import rotation

Fields = dict[str, Any]
Array = np.ndarray

_MOST_BLOCKS = 1000


def decoder(file: GGUFFile, keys: Keys) -> Fields:
    """Return what every decoder has: its sizes, and whether the unembedding is the embedding."""
    if "token_embd.weight" not in file.tensors:
        raise GGUFError("no tensor token_embd.weight")
    *rows, width = file.tensors["token_embd.weight"].shape
    if len(rows) != 1:
        raise GGUFError("token_embd.weight that is no matrix")
    keys.require("vocab_size", rows[0])
    keys.require("embedding_length", width)
    # a model is built of this many before its tensors are compared
    blocks = {name.split(".")[1] for name in file.tensors if name.startswith("blk.")}
    keys.require("block_count", len(blocks))
    if not 0 < len(blocks) <= _MOST_BLOCKS:
        raise GGUFError(f"{len(blocks)} blocks")
    return {
        "vocab_size": rows[0],
        "hidden_size": width,
        "num_hidden_layers": len(blocks),
        "max_position_embeddings": keys.integer("context_length"),
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }


def transformer(file: GGUFFile, keys: Keys) -> Fields:
    """Return a decoder's fields with those of its heads and feed-forward layers."""
    fields = decoder(file, keys)
    heads = keys.integer("attention.head_count")
    head_dim = keys.integer("attention.key_length", fields["hidden_size"] // heads)
    keys.require("attention.value_length", head_dim)
    return fields | {
        "num_attention_heads": heads,
        "num_key_value_heads": keys.integer("attention.head_count_kv", heads),
        "intermediate_size": keys.integer("feed_forward_length"),
        "head_dim": head_dim,
    }


def rotary(file: GGUFFile, keys: Keys, partial: bool = False) -> Fields:
    """Return a transformer's fields with those of its rotary position embeddings."""
    fields = transformer(file, keys)
    context = fields["max_position_embeddings"]
    parameters = rotation(file, keys, fields["head_dim"], context, partial)
    return fields | {"rope_parameters": parameters}


def equal_heads(fields: Fields) -> Fields:
    """Return the fields for a class whose heads are equal shares of the width."""
    head_dim = fields.pop("head_dim")
    if head_dim * fields["num_attention_heads"] != fields["hidden_size"]:
        raise GGUFError(f"heads of {head_dim} coordinates, which are no equal shares of the width")
    return fields


def rms(keys: Keys) -> Fields:
    """Return the ε of RMS norms."""
    return {"rms_norm_eps": keys.number("attention.layer_norm_rms_epsilon")}


def layer_norm(keys: Keys) -> float:
    """Return the ε of layer norms."""
    return keys.number("attention.layer_norm_epsilon")


def attention_bias(keys: Keys) -> Fields:
    """Return whether the projections of attention have biases."""
    endings = (f"attn_{part}.bias" for part in ("q", "k", "v", "output"))
    return {"attention_bias": keys.holds(*endings)}


def mlp_bias(keys: Keys) -> Fields:
    """Return whether the feed-forward layers have biases."""
    return {"mlp_bias": keys.holds("ffn_gate.bias", "ffn_up.bias", "ffn_down.bias")}


def as_stored(name: str, values: Array, config: Any) -> Array:
    """Return a tensor that is stored as transformers has it."""
    return values


def adjacent_pairs(name: str, values: Array, config: Any) -> Array:
    """Return queries and keys with the pairs that rotate together half a head apart.

    They are stored side by side.
    """
    part = name.rsplit(".", 2)[-2]
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(part)
    if heads is None:
        return values
    pairs = values.reshape(heads, -1, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


def norms_plus_one(name: str, values: Array, config: Any) -> Array:
    """Return the weights of norms, stored with the one that the class adds to them."""
    return values - 1 if name.endswith("norm.weight") else values
