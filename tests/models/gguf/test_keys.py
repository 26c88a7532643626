"""Every key of the format, with values it may and may not have: read, harmless, or refused by name."""

from collections.abc import Iterator

import numpy as np
import pytest
from gguf.constants import Keys as Known
from support.gguf_models import FAMILIES, Values, described, read_back, write_model
from support.ggufs import refused

from stability.gguf_format import GGUFError, GGUFFile, read_gguf
from stability.models.gguf.architectures import configure

pytestmark = pytest.mark.slow

VALUES = (0, 1, 3, -0.5, float("inf"), True, False, "yarn", [1, 2])


def known(names: type) -> Iterator[str]:
    """The keys of an architecture that the format knows, without its name."""
    for name, value in vars(names).items():
        if isinstance(value, str) and value.startswith("{arch}."):
            yield value.removeprefix("{arch}.").replace("{dense}", "dense_2")
        elif isinstance(value, type) and name != "__class__":
            yield from known(value)


KEYS = sorted({*known(Known)})
# of the keys that change nothing, by their names, the values that say so
SAYS_NOTHING: Values = {
    "attention.causal": True,
    "context_length": None,
    "expert_weights_norm": None,
    "expert_weights_scale": 1.0,
    "embedding_scale": 1.0,
    "residual_scale": 1.0,
    "logit_scale": 1.0,
    "expert_gating_func": 1,
    "rope.scaling.attn_factor": 1.0,
    "rope.scaling.factor": None,
    "rope.scaling.finetuned": None,
    "rope.scaling.original_context_length": None,
}


@pytest.fixture(scope="module")
def file_of(tmp_path_factory):
    files: dict[str, GGUFFile] = {}

    def get(name: str) -> GGUFFile:
        if name not in files:
            path = tmp_path_factory.mktemp(name) / "own.gguf"
            write_model(path, name, described(name, {"tie_word_embeddings": True}))
            files[name] = read_gguf(path)
        return files[name]

    return get


def outcome(file: GGUFFile, **changes: object) -> Values | str:
    """What a file with other metadata describes, or why it is refused; None leaves a key out."""
    metadata = {**file.metadata, **changes}
    stated = {key: value for key, value in metadata.items() if value is not None}
    try:
        return configure(GGUFFile(stated, file.tensors, file.data))
    except GGUFError as error:
        return str(error)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_value_of_any_key_is_passed_over(file_of, name):
    file = file_of(name)
    plain = repr(outcome(file))
    for key in KEYS:
        for value in VALUES:
            found = outcome(file, **{f"{name}.{key}": value})
            if isinstance(found, str):
                assert "\n" not in found
            elif repr(found) == plain and value != file.metadata.get(f"{name}.{key}"):
                needed = SAYS_NOTHING.get(key, 0)
                assert needed is None or value == needed, (key, value)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("key", ["llama.a.key.to.come", "a_vendor.key", "llama.ssm.state_size"])
def test_a_key_that_nothing_reads_is_refused_whatever_it_says(file_of, key, value):
    assert f"{key} = " in outcome(file_of("llama"), **{key: value})


@pytest.mark.parametrize("name", FAMILIES)
def test_a_key_that_is_missing_has_a_default_or_is_named(file_of, name):
    optional = ("attention.", "rope.", "vocab_size", "tensor_data", "block_count", "embedding")
    for key in FAMILIES[name].keys:
        found = outcome(file_of(name), **{f"{name}.{key}": None})
        needed = "epsilon" in key or not key.startswith(optional)
        assert not needed or isinstance(found, dict) or f"no key {name}.{key}" in found


REFUSED: list[tuple[str, Values, str]] = [
    ("llama", {"rope.scaling.type": "dynamic", "rope.scaling.factor": 2.0}, "'dynamic'"),
    ("llama", {"rope.scaling.type": "longrope"}, "'longrope' without tensors"),
    ("llama", {"rope.scaling.factor": 2.0, "rope.scaling.attn_factor": 1.5}, "attn_factor = 1.5"),
    (
        "llama",
        {"rope.scaling.type": "yarn", "rope.scaling.yarn_ext_factor": 0.5},
        "yarn_ext_factor",
    ),
    (
        "llama",
        {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 4.0,
            "rope.scaling.yarn_attn_factor": 1.0,
        },
        "yarn_attn_factor = 1.0",
    ),
    ("llama", {"rope.scaling.type": "yarn", "rope.scaling.yarn_log_multiplier": 0.1}, "log_mult"),
    ("llama", {"rope.dimension_count": 4}, "rope.dimension_count = 4"),
    ("phi3", {"rope.dimension_count": 3}, "rope.dimension_count = 3"),
    ("llama", {"attention.value_length": 4}, "attention.value_length = 4"),
    ("llama", {"attention.causal": False}, "attention.causal = False"),
    ("llama", {"pooling_type": 1}, "pooling_type = 1"),
    ("llama", {"attention.scale": 0.5}, "attention.scale = 0.5"),
    ("qwen3", {"expert_count": 8, "expert_used_count": 2}, "expert_count = 8"),
    ("olmo2", {"attention.sliding_window": 8}, "attention.sliding_window = 8"),
    ("lfm2", {"attention.head_count_kv": 2}, "attention.head_count_kv = 2"),
    ("lfm2", {"attention.head_count_kv": [0, 2, 1]}, "attention.head_count_kv = [0, 2, 1]"),
    ("lfm2", {"attention.head_count_kv": [0, 2]}, "of 2 layers"),
    (
        "qwen35",
        {"rope.dimension_sections": [3]},
        "rope.dimension_sections = [3], not of three axes",
    ),
    ("qwen35", {"nextn_predict_layers": 1}, "nextn_predict_layers = 1 of 3 blocks"),
    ("qwen35", {"nextn_predict_layers": 3}, "nextn_predict_layers = 3 of 3 blocks"),
    ("qwen35", {"ssm.inner_size": 25}, "ssm.inner_size = 25"),
    ("gptneox", {"use_parallel_residual": 1}, "use_parallel_residual = 1"),
    ("llama", {"vocab_size": 100}, "vocab_size = 100"),
    ("llama", {"block_count": 10**9}, "block_count = 1000000000"),
    ("qwen2", {"attention.sliding_window": 8}, "attention.sliding_window = 8"),
    ("qwen2moe", {"expert_gating_func": 2}, "expert_gating_func = 2"),
    ("qwen2moe", {"expert_weights_norm": True}, "expert_weights_norm = True"),
    ("qwen2moe", {"expert_weights_scale": 2.5}, "expert_weights_scale = 2.5"),
    ("granite", {"rope.scaling.finetuned": False}, "rope.scaling.finetuned = False"),
    ("gemma2", {"attention.sliding_window_pattern": 3}, "sliding_window_pattern = 3"),
    ("gemma3", {"rope.scaling.type": "yarn", "rope.scaling.factor": 2.0}, "a yarn rotation"),
    ("gpt2", {"rope.freq_base": 1e4}, "gpt2.rope.freq_base"),
    ("bloom", {"attention.max_alibi_bias": 4.0}, "max_alibi_bias = 4.0"),
    ("mamba", {"ssm.dt_b_c_rms": True}, "ssm.dt_b_c_rms = True"),
]


@pytest.mark.parametrize(("name", "keys", "reason"), REFUSED)
def test_what_transformers_has_not_is_refused_by_name(file_of, name, keys, reason):
    file = file_of(name)
    assert reason in outcome(file, **{f"{name}.{key}": value for key, value in keys.items()})


@pytest.mark.parametrize("head_dim", [16, 128])
def test_gemma_2_of_another_width_must_say_how_it_scales(file_of, head_dim):
    file = file_of("gemma2")
    stated = {f"gemma2.attention.{part}_length": head_dim for part in ("key", "value")}
    assert "no key gemma2.attention.scale" in outcome(file, **stated)


@pytest.mark.parametrize(("name", "layers", "scale"), [("gemma2", 46, 8), ("gemma3", 62, 8)])
def test_gemmas_of_27b_scale_by_their_share_of_the_width(file_of, name, layers, scale):
    file = file_of(name)
    blocks = {f"blk.{layer}.attn_q.weight": None for layer in range(layers)}
    metadata = {**file.metadata, f"{name}.block_count": layers}
    fields = configure(GGUFFile(metadata, {**file.tensors, **blocks}, file.data))
    assert fields["query_pre_attn_scalar"] == scale


OTHER_FILES: list[tuple[Values, str]] = [
    ({"general.type": "adapter"}, "'adapter', which is no model"),
    ({"general.type": "mmproj"}, "'mmproj', which is no model"),
    ({"general.architecture": "controlvector"}, "a control vector"),
    ({"general.architecture": "bert"}, "the architecture 'bert'"),
    ({"general.architecture": 3}, "no key general.architecture"),
    ({"split.count": 3, "split.no": 0}, "split into 3 files"),
    ({"adapter.type": "lora"}, "adapter.type = 'lora'"),
    ({"diffusion.shift_logits": True}, "diffusion.shift_logits"),
    ({"xielu.beta": 0.5}, "xielu.beta"),
    ({"tokenizer.ggml.tokens": None, "llama.block_count": 0}, "llama.block_count = 0"),
]


@pytest.mark.parametrize(("metadata", "reason"), OTHER_FILES)
def test_a_file_that_is_no_whole_model_is_named(file_of, metadata, reason):
    assert reason in outcome(file_of("llama"), **metadata)


FREQUENCIES = np.full(4, 2, np.float32)
UNREAD: list[tuple[str, Values, str]] = [
    ("llama", {"blk.1.attn_q.scale": np.ones(1, np.float32)}, "blk.1.attn_q.scale"),
    ("qwen2", {"blk.0.attn_output.bias": np.ones(32, np.float32)}, "blk.0.attn_output.bias"),
    ("llama", {"output.bias": np.ones(258, np.float32)}, "output.bias"),
    ("llama", {"blk.1.attn_sinks.weight": np.ones(4, np.float32)}, "blk.1.attn_sinks.weight"),
    ("llama", {"blk.0.attn_q.bias": np.ones(32, np.float32)}, "no 11 tensors"),
    ("llama", {"blk.1.ffn_up.weight": None}, "no tensor blk.1.ffn_up.weight"),
    ("llama", {"blk.1.ffn_up.weight": np.ones((4, 32), np.float32)}, "of the shape [4, 32]"),
    (
        "llama",
        {"output_norm.weight": np.full(32, np.nan, np.float32)},
        "output_norm.weight with NaN",
    ),
    ("mamba", {"blk.1.ssm_a": np.ones((64, 6), np.float32)}, "blk.1.ssm_a with NaN"),
    ("llama", {"rope_freqs.weight": FREQUENCIES[:2]}, "not 4 positive numbers"),
    ("llama", {"rope_freqs.weight": 0 * FREQUENCIES}, "not 4 positive numbers"),
    ("phi3", {"rope_factors_long.weight": FREQUENCIES}, "only rope_factors_long.weight"),
    ("gemma3", {"rope_freqs.weight": np.ones(128, np.float32)}, "a longrope rotation"),
    ("gpt2", {"rope_freqs.weight": FREQUENCIES}, "rope_freqs.weight"),
]


@pytest.mark.parametrize(("name", "tensors", "reason"), UNREAD)
def test_a_tensor_without_a_parameter_or_a_parameter_without_a_tensor_is_named(
    tmp_path, name, tensors, reason
):
    model = described(name, {"tie_word_embeddings": name == "gemma3"})
    write_model(tmp_path / "own.gguf", name, model, tensors=tensors)
    refused(lambda: read_back(tmp_path / "own.gguf", tmp_path / "read"), "own.gguf", reason)


def test_longrope_must_say_what_it_multiplies_attention_by(tmp_path):
    tensors = {f"rope_factors_{part}.weight": FREQUENCIES for part in ("short", "long")}
    keys = {"rope.scaling.original_context_length": 16}
    write_model(tmp_path / "own.gguf", "phi3", described("phi3", {}), keys, tensors)
    refused(lambda: read_back(tmp_path / "own.gguf", tmp_path / "read"), "attn_factor")
