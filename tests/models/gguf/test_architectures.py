"""What becomes of a GGUF, against the model of transformers that was written into it."""

import math

import numpy as np
import pytest
import torch
from support.gguf_models import FAMILIES, Values, described, logits, read_back, write_model

from stability.errors import StabilityError
from stability.models.gguf.architectures import ARCHITECTURES

pytestmark = pytest.mark.slow

# these have no unembedding of their own
TIED = ("gemma", "gemma2", "command-r")
YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 16,
    "rope_theta": 10000.0,
}
YARN_KEYS = {
    "rope.scaling.type": "yarn",
    "rope.scaling.factor": 4.0,
    "rope.scaling.original_context_length": 16,
}
LINEAR = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
DEFAULT = {"rope_type": "default", "rope_theta": 10000.0}
HEADS_OF_16 = {"attention.key_length": 16, "attention.value_length": 16}
ALTERNATING = ["sliding_attention", "full_attention"] * 3 + ["sliding_attention"]
GLOBAL = {**DEFAULT, "rope_theta": 1e6}


def layers(full: Values, sliding: Values) -> Values:
    return {"rope_parameters": {"full_attention": full, "sliding_attention": sliding}}


def rotated(parameters: Values, **changes: object) -> Values:
    return {"rope_parameters": {**parameters, **changes}}


# a family, the fields of the model that is written, and the keys that say so
VARIANTS: list[tuple[str, Values, Values]] = [
    ("llama", rotated(LINEAR), {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
    ("llama", rotated(LINEAR), {"rope.scaling.factor": 4.0}),
    ("llama", rotated(LINEAR), {"rope.scale_linear": 4.0}),
    ("llama", rotated(DEFAULT, rope_theta=5e5), {"rope.freq_base": 5e5}),
    ("llama", rotated(YARN), YARN_KEYS),
    (
        "llama",
        rotated(YARN, original_max_position_embeddings=64),
        {**YARN_KEYS, "rope.scaling.original_context_length": None},
    ),
    (
        "llama",
        # llama.cpp multiplies YaRN's own factor by the file's
        rotated(YARN, attention_factor=1.5 * (0.1 * math.log(4) + 1)),
        {**YARN_KEYS, "rope.scaling.attn_factor": 1.5},
    ),
    (
        "llama",
        rotated(YARN, beta_fast=8.0, beta_slow=2.0),
        {**YARN_KEYS, "rope.scaling.yarn_beta_fast": 8.0, "rope.scaling.yarn_beta_slow": 2.0},
    ),
    ("llama", {"attention_bias": True, "mlp_bias": True}, {}),
    (
        "llama",
        {"head_dim": 10},
        {"attention.key_length": 10, "attention.value_length": 10, "rope.dimension_count": 10},
    ),
    ("llama", {"num_key_value_heads": 4}, {"attention.head_count_kv": None}),
    (
        "llama",
        {
            "model_type": "mixtral",
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            **rotated(DEFAULT),
        },
        {"expert_count": 4, "expert_used_count": 2},
    ),
    ("smollm3", {"attention_bias": True}, {}),
    ("olmo2", rotated(DEFAULT, rope_theta=5e5), {"rope.freq_base": 5e5}),
    ("lfm2", {"conv_bias": True}, {}),
    ("gptneox", {"rotary_pct": 1.0}, {"rope.dimension_count": 8}),
    (
        "gptneox",
        {"use_parallel_residual": False, "attention_bias": False},
        {"use_parallel_residual": False},
    ),
    ("qwen2", rotated(YARN), YARN_KEYS),
    ("qwen2", {"head_dim": 16}, HEADS_OF_16),
    ("qwen2moe", {"head_dim": 16}, HEADS_OF_16),
    ("granite", {"head_dim": 16}, HEADS_OF_16),
    (
        "granite",
        {"attention_multiplier": 8**-0.5, "embedding_multiplier": 1.0},
        {"attention.scale": None, "embedding_scale": None},
    ),
    ("qwen3", {"attention_bias": True}, {}),
    ("qwen3", rotated(YARN), YARN_KEYS),
    (
        "gemma3",
        layers({**LINEAR, "rope_theta": 1e6}, DEFAULT),
        {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0},
    ),
    ("gemma3", layers(GLOBAL, {**DEFAULT, "rope_theta": 5e3}), {"rope.freq_base_swa": 5e3}),
    ("gemma3", {"layer_types": ALTERNATING}, {"attention.sliding_window_pattern": 2}),
    (
        "gemma3",
        {"layer_types": ALTERNATING},
        {"attention.sliding_window_pattern": [kind != "full_attention" for kind in ALTERNATING]},
    ),
    ("gemma3", {"layer_types": ["full_attention"] * 7}, {"attention.sliding_window": None}),
    (
        "gemma3",
        {"final_logit_softcapping": 5.0, "attn_logit_softcapping": 7.0},
        {"final_logit_softcapping": 5.0, "attn_logit_softcapping": 7.0},
    ),
    (
        "gemma2",
        {"head_dim": 16, "query_pre_attn_scalar": 16},
        {"attention.scale": 0.25, **HEADS_OF_16},
    ),
    ("phi3", {"sliding_window": 8}, {"attention.sliding_window": 8}),
    ("phi3", {"partial_rotary_factor": 0.75}, {"rope.dimension_count": 6}),
    ("stablelm", {"partial_rotary_factor": 0.5, "use_qkv_bias": True}, {"rope.dimension_count": 4}),
    ("stablelm", {"use_parallel_residual": True}, {"use_parallel_residual": True}),
    ("stablelm", {"use_parallel_residual": True}, {"use_parallel_residual": None}),
    ("starcoder2", {"sliding_window": 8}, {"attention.sliding_window": 8}),
    ("starcoder2", rotated(DEFAULT, rope_theta=1e5), {"rope.freq_base": 1e5}),
    ("starcoder2", {"use_bias": False}, {}),
    ("nemotron", {"partial_rotary_factor": 1.0}, {"rope.dimension_count": 8}),
    ("nemotron", {"head_dim": 16, "partial_rotary_factor": 0.25}, HEADS_OF_16),
    (
        "falcon",
        {"new_decoder_architecture": True, "num_kv_heads": 2},
        {"attention.head_count_kv": 2},
    ),
    ("command-r", {"use_qk_norm": True, "rope_parameters": {**DEFAULT, "rope_theta": 5e5}}, {}),
    ("mamba", {"use_conv_bias": False}, {}),
]


def agree(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Whether logits are those of the same weights, run by the same code.

    A few roundings may differ: Mamba's decay is stored as its exponential.
    """
    return float((found - wanted).abs().max() / wanted.abs().max()) < 1e-5


def test_every_architecture_has_a_family_here():
    assert FAMILIES.keys() == ARCHITECTURES.keys()


@pytest.mark.parametrize(
    ("name", "tied"),
    [(name, tied) for name in FAMILIES for tied in (True, False) if tied or name not in TIED],
)
def test_a_family_is_read_as_it_was_written(tmp_path, name, tied):
    model = described(name, {"tie_word_embeddings": tied})
    write_model(tmp_path / "own.gguf", name, model)
    assert agree(logits(read_back(tmp_path / "own.gguf", tmp_path / "read")), logits(model))


@pytest.mark.parametrize(("name", "fields", "keys"), VARIANTS)
def test_what_a_key_or_tensor_says_is_read(tmp_path, name, fields, keys):
    model = described(name, {"tie_word_embeddings": name in TIED, **fields})
    write_model(tmp_path / "own.gguf", name, model, keys)
    wanted = logits(model)
    assert agree(logits(read_back(tmp_path / "own.gguf", tmp_path / "read")), wanted)
    # and it matters: without the keys the same tensors are another model, or none
    write_model(tmp_path / "other.gguf", name, model)
    if stated := {key for key, value in keys.items() if value is not None}:
        try:
            other = logits(read_back(tmp_path / "other.gguf", tmp_path / "other"))
        except StabilityError:
            return
        assert stated <= {"use_parallel_residual"} or not agree(other, wanted)


def test_the_frequencies_of_llama_3_are_read_from_their_tensor(tmp_path):
    llama3 = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 512,
        "rope_theta": 10000.0,
    }
    model = described("llama", {"head_dim": 32, **rotated(llama3)})
    plain = 10000.0 ** (-np.arange(0, 32, 2) / 32)
    divisors = (plain / model.model.rotary_emb.inv_freq.numpy()).astype(np.float32)
    assert len(np.unique(divisors.round(3))) > 3
    keys = {"attention.key_length": 32, "attention.value_length": 32, "rope.dimension_count": 32}
    write_model(tmp_path / "own.gguf", "llama", model, keys, {"rope_freqs.weight": divisors})
    assert agree(logits(read_back(tmp_path / "own.gguf", tmp_path / "read")), logits(model))


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_longrope_is_read_from_its_tensors_below_and_beyond_the_original_context(tmp_path, share):
    pairs = int(4 * share)
    short, long = (np.linspace(1, top, pairs).astype(np.float32) for top in (2.0, 8.0))
    parameters = {
        "rope_type": "longrope",
        "short_factor": short.tolist(),
        "long_factor": long.tolist(),
        "original_max_position_embeddings": 16,
        "rope_theta": 10000.0,
        "partial_rotary_factor": share,
    }
    model = described("phi3", {"original_max_position_embeddings": 16, **rotated(parameters)})
    keys = {
        "rope.dimension_count": 2 * pairs,
        "rope.scaling.original_context_length": 16,
        # as the converter computes it of 64 / 16
        "rope.scaling.attn_factor": math.sqrt(1 + math.log(4) / math.log(16)),
    }
    tensors = {"rope_factors_short.weight": short, "rope_factors_long.weight": long}
    write_model(tmp_path / "own.gguf", "phi3", model, keys, tensors)
    read = read_back(tmp_path / "own.gguf", tmp_path / "read")
    for length in (12, 40):
        assert agree(logits(read, length), logits(model, length))


def test_layers_that_predict_further_tokens_are_let_be(tmp_path):
    model = described("qwen35", {})
    further = {
        f"blk.3.{part}.weight": np.ones(32, np.float32) for part in ("attn_norm", "nextn.hnorm")
    }
    keys = {"block_count": 4, "nextn_predict_layers": 1}
    write_model(tmp_path / "own.gguf", "qwen35", model, keys, further)
    assert agree(logits(read_back(tmp_path / "own.gguf", tmp_path / "read")), logits(model))


def test_mistral_is_llama_with_a_window_whatever_its_name(tmp_path):
    plain = described("llama", {})
    named = {"general.name": "mistral"}
    write_model(tmp_path / "own.gguf", "llama", plain, metadata=named)
    assert agree(logits(read_back(tmp_path / "own.gguf", tmp_path / "read")), logits(plain))
    windowed = described("llama", {"model_type": "mistral", "sliding_window": 8})
    write_model(tmp_path / "wide.gguf", "llama", windowed, {"attention.sliding_window": 8})
    assert agree(logits(read_back(tmp_path / "wide.gguf", tmp_path / "wide")), logits(windowed))
    assert not agree(logits(windowed), logits(plain))


@pytest.mark.parametrize("encoding", ["F16", "BF16", "Q8_0", "Q4_0", "Q5_1"])
def test_quantised_tensors_are_what_gguf_makes_of_them(tmp_path, encoding):
    from gguf import GGMLQuantizationType, dequantize, quantize

    kind = GGMLQuantizationType[encoding]
    model = described("qwen2", {})
    with torch.no_grad():
        weight = model.model.layers[1].mlp.up_proj.weight
        packed = quantize(weight.numpy(), kind)
        weight.copy_(torch.from_numpy(dequantize(packed, kind)))
    write_model(
        tmp_path / "own.gguf", "qwen2", model, tensors={"blk.1.ffn_up.weight": (packed, kind)}
    )
    read = read_back(tmp_path / "own.gguf", tmp_path / "read")
    assert torch.equal(read.model.layers[1].mlp.up_proj.weight, weight)
