"""Tiny random language models of every architecture family, saved as transformers saves them."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    LlamaConfig,
    OPTConfig,
    PhiConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
)

from stability.models import LanguageModel, load

VOCAB, WIDTH, CONTEXT = 320, 32, 24
PROMPT = "the cat sat on the mat"
SENTENCES = [PROMPT, "the capital of France is Paris", "a dog ran after the cat"]
_IDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
_SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.3,
    **_IDS,
}
_SIZES_MLP = {**_SIZES, "intermediate_size": 48}
_GEMMA = {**_SIZES_MLP, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8}
FAMILIES: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**_SIZES_MLP, num_key_value_heads=1),
    "qwen3": lambda: Qwen3Config(**_SIZES_MLP, num_key_value_heads=1, head_dim=16),
    "gpt_neox": lambda: GPTNeoXConfig(**_SIZES_MLP),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCAB,
        n_embd=WIDTH,
        n_layer=2,
        n_head=2,
        n_positions=CONTEXT,
        initializer_range=0.3,
        **_IDS,
    ),
    "gemma3": lambda: Gemma3TextConfig(**_GEMMA),
    "gemma2": lambda: Gemma2Config(**_GEMMA, final_logit_softcapping=5.0),
    "cohere": lambda: CohereConfig(**_SIZES_MLP, logit_scale=0.25),
    "granite": lambda: GraniteConfig(**_SIZES_MLP, num_key_value_heads=1, logits_scaling=4.0),
    "opt": lambda: OPTConfig(**_SIZES, ffn_dim=48, word_embed_proj_dim=WIDTH),
    "opt_projected": lambda: OPTConfig(
        **_SIZES, ffn_dim=48, word_embed_proj_dim=WIDTH // 2, do_layer_norm_before=False
    ),
    "phi": lambda: PhiConfig(**_SIZES_MLP),
}


def byte_tokenizer(bos: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level BPE, as GPT-2's, which puts `<s>` first if `bos`."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _trained(tokenizer, sorted(alphabet), bos)


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A BPE that writes spaces as `▁`, as Llama's, and whose decoder strips the first of them."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    return _trained(tokenizer, list("▁abcdefghijklmnopqrstuvwxyzFP"), bos=False)


def _trained(tokenizer: Tokenizer, alphabet: list[str], bos: bool) -> PreTrainedTokenizerFast:
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 0)]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>")


def random_model(config: PretrainedConfig, seed: int = 0, **options: str) -> PreTrainedModel:
    """A model whose norms and biases are random too: at their usual start they would hide."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, **options)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.3 * torch.randn_like(weight))
    return model.eval()


def in_float64(model: PreTrainedModel) -> PreTrainedModel:
    return copy.deepcopy(model).double()


def hooked_logits(
    model: PreTrainedModel, ids: Tensor, position: int, site: str, delta: Tensor
) -> Tensor:
    """The logits of the whole model at a position, `δ` added to the vector at a site there.

    By a plain hook on a block, or on the model's own head, and without a cache: nothing is shared
    with the library.
    """

    def add(vectors: Tensor) -> Tensor:
        moved = vectors.clone()
        moved[:, position] += delta
        return moved

    def after(module, arguments, output):
        return (add(output[0]), *output[1:]) if isinstance(output, tuple | list) else add(output)

    if site == "prelogit":
        head = model.get_output_embeddings()
        hook = head.register_forward_pre_hook(lambda module, inputs: (add(inputs[0]),))
    else:
        hook = blocks(model)[-1 if site == "final" else int(site.split(":")[1])]
        hook = hook.register_forward_hook(after)
    with hook:
        return model(input_ids=ids[None], use_cache=False).logits[0, position]


def blocks(model: PreTrainedModel) -> torch.nn.ModuleList:
    """Where each architecture keeps its blocks, by name."""
    body = model.get_decoder()
    if body is model or isinstance(body, torch.nn.Linear):  # Llama 4, ModernBERT
        body = model.model
    body = getattr(body, "decoder", body)  # OPT, BART
    body = getattr(body, "encoder", body)  # BERT
    [found] = [
        getattr(body, name)
        for name in ("layers", "h", "layer", "blocks")
        if isinstance(getattr(body, name, None), torch.nn.ModuleList)
    ]
    return found


def divergence_hessian(
    model: PreTrainedModel, ids: Tensor, position: int, site: str, width: int
) -> Tensor:
    """The Hessian of `KL(p₀‖p_δ)` of the whole model, in its own precision, by autograd."""

    def log_probs(delta: Tensor) -> Tensor:
        return hooked_logits(model, ids, position, site, delta).log_softmax(0)

    zero = torch.zeros(width, dtype=model.dtype)
    start = log_probs(zero).detach()
    return torch.autograd.functional.hessian(
        lambda delta: (start.exp() * (start - log_probs(delta))).sum(), zero
    )


def save_model(
    folder: Path,
    config: PretrainedConfig,
    tokenizer: PreTrainedTokenizerFast | None = None,
    edit: Callable[[PreTrainedModel], object] = lambda model: None,
) -> Path:
    """A folder that transformers can read: a random model, edited, with a tokenizer."""
    model = random_model(config)
    with torch.no_grad():
        edit(model)
    model.save_pretrained(folder)
    (tokenizer or byte_tokenizer()).save_pretrained(folder)
    return folder


def loaded_once(
    tmp_path_factory: pytest.TempPathFactory, config_of: Callable[[str], PretrainedConfig]
) -> Callable[[str], LanguageModel]:
    """Random models by name, of the configuration that a name has, each saved and loaded once."""

    @cache
    def get(name: str) -> LanguageModel:
        folder = save_model(tmp_path_factory.mktemp(name), config_of(name))
        return load(str(folder), device="cpu")

    return get
