"""Rotary position embeddings: from a GGUF's keys and frequency tensors to transformers' parameters.

llama.cpp rotates pair `i` of a head's first `n` coordinates, at position `t`, by `t · bᵢ`, with
`bᵢ = base^(−2i/n) / fᵢ / factor`, and multiplies cosine and sine by the attention factor.
"""

import math
from typing import Any

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.keys import Keys

# of these tensors `fᵢ` is read: for any length, and below and beyond the original context
FREQUENCIES = "rope_freqs.weight"
SHORT, LONG = "rope_factors_short.weight", "rope_factors_long.weight"

Parameters = dict[str, Any]


def rotation(
    file: GGUFFile, keys: Keys, head_dim: int, context: int, partial: bool = False
) -> Parameters:
    """Return `rope_parameters` for transformers.

    Args:
        file: holds the frequency tensors.
        keys: those under `rope.` are read.
        head_dim: of queries and keys.
        context: the model's context, which is also the original one unless a key says otherwise.
        partial: whether the architecture can rotate only the first coordinates of a head.

    Raises:
        GGUFError: the file describes a rotation that transformers has not.

    """
    width = keys.integer("rope.dimension_count", head_dim)
    if (width != head_dim and not partial) or not 0 < width <= head_dim or width % 2:
        raise GGUFError(
            f"{keys.prefix}rope.dimension_count = {width}, which cannot be had of {head_dim}"
        )
    parameters = {"rope_theta": keys.positive("rope.freq_base", 10000.0)}
    if partial:
        parameters["partial_rotary_factor"] = _fraction(width, head_dim)
    return parameters | _scaling(file, keys, width // 2, context)


def _scaling(file: GGUFFile, keys: Keys, n_pairs: int, context: int) -> Parameters:
    """The type of `rope_parameters` and what it needs, for `n_pairs` rotated pairs."""
    kind = keys.text("rope.scaling.type", "linear")
    factor = keys.number("rope.scaling.factor", keys.number("rope.scale_linear", 0.0)) or 1.0
    attention_stated = keys.states("rope.scaling.attn_factor")
    attention = keys.positive("rope.scaling.attn_factor", 1.0)
    original = keys.integer("rope.scaling.original_context_length", context)
    keys.flag("rope.scaling.finetuned", False)
    if kind == "none":
        factor = 1.0
    factors = _factors(file, n_pairs)
    if kind == "yarn" and not factors:
        return _yarn(keys, factor, attention, original)
    if kind not in ("none", "linear", "longrope") or (kind == "longrope" and not factors):
        beside = "with" if factors else "without"
        raise GGUFError(
            f"{keys.prefix}rope.scaling.type = {kind!r} {beside} tensors of frequencies"
        )
    if factors:
        # llama.cpp takes one, transformers a root that grows with the context
        if LONG in file.tensors and context > original and not attention_stated:
            raise GGUFError(f"a longer context, and no key {keys.prefix}rope.scaling.attn_factor")
        short, long = ([factor * divisor for divisor in part] for part in factors)
        return {
            "rope_type": "longrope",
            "short_factor": short,
            "long_factor": long,
            "original_max_position_embeddings": original,
            "factor": max(context / original, 1.0),
            "attention_factor": attention,
        }
    if attention != 1.0:
        raise GGUFError(f"{keys.prefix}rope.scaling.attn_factor = {attention}, scaled by no {kind}")
    return {"rope_type": "default"} if factor == 1.0 else {"rope_type": "linear", "factor": factor}


def _yarn(keys: Keys, factor: float, attention: float, original: int) -> Parameters:
    """YaRN, whose attention factor is `0.1 ln(factor) + 1` times the file's own."""
    scale = 0.1 * math.log(max(factor, 1.0)) + 1.0
    keys.require("rope.scaling.yarn_ext_factor", 1.0)
    keys.require("rope.scaling.yarn_log_multiplier", 0.0)
    stated = keys.number("rope.scaling.yarn_attn_factor", scale)
    # llama.cpp computes it and does not read this key, transformers would: both must agree
    if not math.isclose(stated, scale, rel_tol=1e-6):
        raise GGUFError(f"{keys.prefix}rope.scaling.yarn_attn_factor = {stated}, not {scale:.6f}")
    return {
        "rope_type": "yarn",
        "factor": factor,
        "original_max_position_embeddings": original,
        "attention_factor": attention * scale,
        "beta_fast": keys.positive("rope.scaling.yarn_beta_fast", 32.0),
        "beta_slow": keys.positive("rope.scaling.yarn_beta_slow", 1.0),
    }


def _factors(file: GGUFFile, n_pairs: int) -> tuple[list[float], list[float]] | None:
    """The divisors of the frequencies, below and beyond the original context."""
    names = [name for name in (FREQUENCIES, SHORT, LONG) if name in file.tensors]
    if not names:
        return None
    if names not in ([FREQUENCIES], [SHORT, LONG]):
        raise GGUFError(f"only {' and '.join(names)} of the tensors of frequencies")
    values = [file.values(name) for name in names]
    for name, part in zip(names, values, strict=True):
        if part.shape != (n_pairs,) or not (part > 0).all():
            raise GGUFError(f"{name} that are not {n_pairs} positive numbers")
    return values[0].tolist(), values[-1].tolist()


def _fraction(width: int, head_dim: int) -> float:
    """The share of a head that is rotated, of which transformers takes `int(head_dim · share)`."""
    share = width / head_dim
    return share if int(head_dim * share) == width else math.nextafter(share, 1.0)
