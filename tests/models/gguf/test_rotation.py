"""Rotations against ggml's own formula, written out here: angle and scale of each pair."""

import math
from pathlib import Path

import gguf
import numpy as np
import pytest
from support.gguf_models import Values, add_value
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from stability.gguf_format import GGUFFile, read_gguf
from stability.models.gguf.keys import Keys
from stability.models.gguf.rotation import FREQUENCIES, _fraction, rotation

HEAD_DIM, CONTEXT = 64, 4096
DIVISORS = np.geomspace(1, 32, HEAD_DIM // 2).astype(np.float32)


def file_of(path: Path, keys: Values, divided: bool) -> GGUFFile:
    """A file with these keys, and a tensor of frequencies or none."""
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in keys.items():
        add_value(writer, f"llama.{key}", value)
    if divided:
        writer.add_tensor(FREQUENCIES, DIVISORS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_gguf(path)


def ggml(keys: Values, divided: bool) -> tuple[np.ndarray, float]:
    """The angle of each pair at position one, and the factor of cosine and sine.

    After `rope_yarn` and `ggml_rope_yarn_corr_dims` of ggml, and what llama.cpp passes to them.
    """
    base = keys.get("rope.freq_base", 10000.0)
    yarn = keys.get("rope.scaling.type") == "yarn"
    scale = 1.0 / keys.get("rope.scaling.factor", 1.0)
    attention = keys.get("rope.scaling.attn_factor", 1.0)
    original = keys.get("rope.scaling.original_context_length", CONTEXT)
    pairs = np.arange(HEAD_DIM // 2)
    extrapolated = base ** (-2.0 * pairs / HEAD_DIM) / (DIVISORS if divided else 1.0)
    if not yarn:
        return extrapolated * scale, attention
    start, end = (
        HEAD_DIM * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))
        for rotations in (32.0, 1.0)
    )
    start, end = max(0.0, math.floor(start)), min(HEAD_DIM - 1.0, math.ceil(end))
    ramp = 1 - np.clip((pairs - start) / max(0.001, end - start), 0, 1)
    angles = extrapolated * scale * (1 - ramp) + extrapolated * ramp
    return angles, attention * (1 + 0.1 * math.log(1 / scale))


YARN = {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0}
CASES: list[tuple[Values, bool]] = [
    ({}, False),
    ({"rope.freq_base": 5e5}, False),
    ({"rope.scaling.factor": 8.0}, False),
    ({"rope.scaling.type": "linear", "rope.scaling.factor": 0.5}, False),
    (YARN, False),
    ({**YARN, "rope.scaling.original_context_length": 512}, False),
    ({**YARN, "rope.scaling.attn_factor": 0.7, "rope.freq_base": 1e6}, False),
    ({}, True),
    ({"rope.freq_base": 5e5, "rope.scaling.factor": 2.0}, True),
    ({"rope.scaling.attn_factor": 1.3}, True),
]


@pytest.mark.parametrize(("keys", "divided"), CASES)
def test_transformers_rotates_as_ggml(tmp_path, keys, divided):
    file = file_of(tmp_path / "own.gguf", keys, divided)
    parameters = rotation(file, Keys(file), HEAD_DIM, CONTEXT)
    config = LlamaConfig(
        hidden_size=HEAD_DIM,
        num_attention_heads=1,
        max_position_embeddings=CONTEXT,
        rope_parameters=parameters,
    )
    rotary = LlamaRotaryEmbedding(config)
    angles, factor = ggml(keys, divided)
    # a power, a product and a blend of two in float32, of numbers given in float32
    np.testing.assert_allclose(rotary.inv_freq.numpy(), angles, rtol=2e-6)
    assert rotary.attention_scaling == pytest.approx(factor, rel=1e-7)


def test_the_share_of_a_head_gives_back_its_width():
    for head_dim in range(2, 257, 2):
        for width in range(2, head_dim + 1, 2):
            assert int(head_dim * _fraction(width, head_dim)) == width
