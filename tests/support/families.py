"""Tiny configurations of many architectures, and a report of what works of each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from support.models import FAMILIES as THOROUGH
from support.models import WIDTH, byte_tokenizer, hooked_logits, random_model
from transformers import AutoConfig, PretrainedConfig

from stability.errors import StabilityError
from stability.models import LanguageModel
from stability.models.comparisons import readout_comparison, require, some_ids
from stability.models.head import find_readout
from stability.prediction.provenance import ModelCard
from stability.prediction.state import State

# 13 tokens: beyond windows, chunks and crossings at 8
TEXT = "the cat sat on the mat and a dog ran"
_SIZES = {
    "vocab_size": 320,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
_GPT = {"n_embd": WIDTH, "n_layer": 2, "n_head": 2, "n_positions": 64, "n_inner": 48}
_DECODER = {
    "d_model": WIDTH,
    "decoder_layers": 2,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 48,
    "attention_heads": 2,
    "num_layers": 2,
    "ffn_dim": 48,
}
_EXPERTS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 24,
}
_LATENT = {
    "num_key_value_heads": 2,
    "head_dim": 8,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 4,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_MAMBA = {
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_state": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
    "mamba_dt_rank": 4,
}
_DELTA = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
_HALF_LINEAR = {"layer_types": ["linear_attention", "full_attention"]}
_HALF_WINDOW = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}
_ROPE = {"rope_theta": 10000.0}
_LONGROPE = {
    **_ROPE,
    "rope_type": "longrope",
    "short_factor": [1.0] * 8,
    "long_factor": [4.0] * 8,
    "original_max_position_embeddings": 8,
}


# what a configuration derives from others, and does not take
_DERIVED = {"falcon": ["head_dim"]}


def _tiny(kind: str, **options: Any) -> Callable[[], PretrainedConfig]:
    sizes = {name: size for name, size in _SIZES.items() if name not in _DERIVED.get(kind, ())}
    return partial(AutoConfig.for_model, kind, **{**sizes, **options})


def _gemma3_with_an_image_tower() -> PretrainedConfig:
    """As many layers in one tower as in the other."""
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 8,
        "patch_size": 4,
    }
    text = {**_SIZES, **_HALF_WINDOW, "query_pre_attn_scalar": 16}
    return AutoConfig.for_model(
        "gemma3", text_config=text, vision_config=vision, mm_tokens_per_image=4, boi_token_index=1,
        eoi_token_index=2, image_token_index=3,
    )  # fmt: skip


FAMILIES: dict[str, Callable[[], PretrainedConfig]] = {
    **THOROUGH,
    # attention
    "arcee": _tiny("arcee"),
    "biogpt": _tiny("biogpt"),
    "bloom": _tiny("bloom", n_layer=2, n_head=2),
    "codegen": _tiny("codegen", **_GPT, rotary_dim=8),
    "ctrl": _tiny("ctrl", **_GPT, dff=48),
    "exaone4": _tiny("exaone4", **_HALF_WINDOW),
    "falcon": _tiny("falcon"),
    "gemma3 with images": _gemma3_with_an_image_tower,
    "glm4": _tiny("glm4"),
    "gpt_bigcode": _tiny("gpt_bigcode", **_GPT),
    "gpt_neo": _tiny("gpt_neo", num_layers=2, num_heads=2, window_size=8,
                     attention_types=[[["global", "local"], 1]]),
    "gptj": _tiny("gptj", **_GPT, rotary_dim=8),
    "llama, dynamic": _tiny("llama", max_position_embeddings=64, rope_parameters={
        **_ROPE, "rope_type": "dynamic", "factor": 4.0}),
    "modernbert-decoder": _tiny("modernbert-decoder", local_attention=8,
                                global_attn_every_n_layers=2),
    "moshi": _tiny("moshi", sliding_window=8, ffn_dim=48),
    "mpt": _tiny("mpt", d_model=WIDTH, n_heads=2, n_layers=2, max_seq_len=64),
    "nemotron": _tiny("nemotron"),
    "olmo2": _tiny("olmo2"),
    "openai-gpt": _tiny("openai-gpt", **_GPT),
    "phi3, longrope": _tiny("phi3", original_max_position_embeddings=8,
                            rope_parameters=_LONGROPE),
    "smollm3": _tiny("smollm3"),
    "stablelm": _tiny("stablelm"),
    "starcoder2": _tiny("starcoder2"),
    "xglm": _tiny("xglm", **_DECODER),
    # decoders of encoder-decoders
    "bart": _tiny("bart", **_DECODER),
    "bert": _tiny("bert", is_decoder=True),
    # experts
    "deepseek_v3": _tiny("deepseek_v3", **{**_EXPERTS, **_LATENT}),
    "gpt_oss": _tiny("gpt_oss", **_EXPERTS, **_HALF_WINDOW),
    "llama4": _tiny("llama4_text", **_EXPERTS, attention_chunk_size=8,
                    interleave_moe_layer_step=2, no_rope_layers=[1, 0]),
    "mixtral": _tiny("mixtral", **_EXPERTS),
    "phimoe": _tiny("phimoe", **_EXPERTS, rope_parameters={
        **_LONGROPE, "short_mscale": 1.0, "long_mscale": 1.2}),
    "qwen3_moe": _tiny("qwen3_moe", **_EXPERTS),
    # recurrences
    "bamba": _tiny("bamba", **_MAMBA, attn_layer_indices=[1]),
    "falcon_h1": _tiny("falcon_h1", **_MAMBA, mamba_d_ssm=64),
    "granitemoehybrid": _tiny("granitemoehybrid", **_MAMBA, **_EXPERTS, **_HALF_LINEAR),
    "jamba": _tiny("jamba", **{**_MAMBA, **_EXPERTS, "num_experts": 2}, attn_layer_period=2,
                   attn_layer_offset=1),
    "lfm2": _tiny("lfm2", layer_types=["conv", "full_attention"]),
    "mamba": _tiny("mamba", state_size=8, time_step_rank=4),
    "mamba2": _tiny("mamba2", state_size=8, num_heads=4, n_groups=1, chunk_size=8),
    "minimax": _tiny("minimax", **_EXPERTS, **_HALF_LINEAR, block_size=8),
    "qwen3_next": _tiny("qwen3_next", **_EXPERTS, **_DELTA, **_HALF_LINEAR),
    "recurrent_gemma": _tiny("recurrent_gemma", num_hidden_layers=3, lru_width=WIDTH,
                             block_types=["recurrent", "recurrent", "attention"],
                             attention_window_size=8),
    "rwkv": _tiny("rwkv", attention_hidden_size=WIDTH),
    # several streams, or none
    "deepseek_v4": _tiny("deepseek_v4"),
    "gemma3n": _tiny("gemma3n_text", **_HALF_WINDOW, intermediate_size=[48, 48],
                     vocab_size_per_layer_input=320, hidden_size_per_layer_input=8, laurel_rank=8,
                     num_kv_shared_layers=0, activation_sparsity_pattern=[0.0, 0.0]),
    "xlm": _tiny("xlm", emb_dim=WIDTH, n_layers=2, n_heads=2, causal=True, n_words=320),
}  # fmt: skip


@cache
def _tokenizer() -> Any:
    return byte_tokenizer()


def language_model(config: PretrainedConfig, name: str = "tiny") -> LanguageModel:
    """A random model of a configuration, checked as a loaded one is."""
    model = random_model(config, attn_implementation="eager").requires_grad_(False)
    readout = find_readout(model, name)
    n_layers = config.get_text_config().num_hidden_layers
    card = ModelCard(name, "random", "float32", readout.width, n_layers, readout.vocab_size)
    lm = LanguageModel(model, _tokenizer(), readout, card)
    ids = some_ids(lm)
    require(readout_comparison(lm, ids, lm.prelogits(ids)[0]), lm)
    return lm


@dataclass(frozen=True)
class Support:
    """What works of a family: the sites, whether by what earlier tokens leave, or why not.

    `wrong` is how far a logit is from the whole model's, relative to the largest, at the worst place.
    """

    sites: tuple[str, ...]
    keeps_cache: bool
    refusal: str | None
    wrong: float


def support_of(lm: LanguageModel) -> Support:
    """Compare states of every site at the first, a middle and the last position with a plain hook."""
    sites, refusal, keeps, wrong = [], None, True, 0.0
    for site in ("prelogit", *lm.sites[2:]):
        try:
            states = lm.capture_all(TEXT, site)
        except StabilityError as error:
            refusal = str(error)
            continue
        sites.append(site)
        for state in (states[0], states[7], states[-1]):
            wrong = max(wrong, _error(lm, state))
        if state.above is not None:
            keeps = keeps and state.above.forward_pass.cache is not None
    return Support(tuple(sites), keeps, refusal, wrong)


def _error(lm: LanguageModel, state: State) -> float:
    draw = torch.Generator().manual_seed(state.position)
    delta = torch.randn(state.width, generator=draw) * 0.3 * state.vector.std()
    ids = torch.tensor([token.id for token in state.tokens])
    with torch.no_grad():
        expected = hooked_logits(lm.model, ids, state.position, state.site, delta).double()
    vector = (state.vector + delta)[None]
    found = lm.readout.logits(vector if state.above is None else state.above(vector))[0]
    return float((found - expected).abs().max() / expected.abs().max())
