"""From a name to a model: what loads, and the sentence each thing that does not load gets."""

import pytest
import torch
from huggingface_hub import constants
from support.models import FAMILIES, PROMPT, byte_tokenizer, save_model
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    LlamaForSequenceClassification,
    T5Config,
    T5EncoderModel,
)

from stability.errors import StabilityError
from stability.models import load, loading


def test_a_local_folder_loads_with_its_card(folder):
    reports = []
    lm = load(str(folder), device="cpu", report=lambda *args: reports.append(args))
    assert lm.card.name == str(folder)
    assert (lm.card.revision, lm.card.dtype) == ("local", "float32")
    assert (lm.card.d_model, lm.card.n_layers, lm.card.vocab_size) == (32, 2, 320)
    fractions = [fraction for _, fraction in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert not any(weight.requires_grad for weight in lm.model.parameters())
    assert not lm.model.training


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_loads_and_is_near_float32(folder, dtype):
    half, single = (load(str(folder), name, device="cpu") for name in (dtype, "float32"))
    assert half.card.dtype == dtype
    assert half.model.dtype == loading.DTYPES[dtype]
    assert half.readout.W_U.dtype == torch.float32
    logits, expected = half.capture(PROMPT).logits, single.capture(PROMPT).logits
    error = float((logits - expected).norm() / expected.norm())
    # bfloat16 rounds to 4e-3, and two layers add up a few dozen of these
    assert 0 < error < 0.1


@pytest.mark.parametrize("dtype", ["float64", "int8", "", "torch.float32"])
def test_an_unknown_dtype_is_refused_before_anything_is_read(dtype):
    with pytest.raises(StabilityError, match="one of float32, bfloat16, float16; received"):
        load("no such model", dtype)


def test_an_unknown_name_is_refused_offline(monkeypatch, capfd):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    sentence = "The hub must answer; asked for nobody/no-such-model, it has not"
    with pytest.raises(StabilityError, match=sentence):
        load("nobody/no-such-model")
    assert capfd.readouterr().err == ""


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(StabilityError, match=r"has no config\.json: check the path"):
        load(str(tmp_path))


@pytest.mark.parametrize("dtype", loading.DTYPES)
def test_weights_that_are_not_numbers_are_refused(tmp_path, dtype):
    def spoil(model):
        model.model.norm.weight[3] = float("nan")

    folder = save_model(tmp_path, FAMILIES["llama"](), edit=spoil)
    sentence = (
        f"output must be finite; .* in {dtype} gives .* weights are damaged, get a clean copy"
    )
    with pytest.raises(StabilityError, match=sentence):
        load(str(folder), dtype, device="cpu")


def test_weights_that_half_precision_cannot_hold_are_to_be_loaded_in_float32(tmp_path):
    def enlarge(model):
        model.model.norm.weight.mul_(1e6)
        model.lm_head.weight.mul_(1e-6)

    folder = save_model(tmp_path, FAMILIES["llama"](), edit=enlarge)
    with pytest.raises(StabilityError, match=r"in float16 gives .*: load it in float32"):
        load(str(folder), "float16", device="cpu")
    assert load(str(folder), device="cpu").card.dtype == "float32"


BERT = BertConfig(
    vocab_size=320,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=48,
    max_position_embeddings=24,
)
LLAMA = FAMILIES["llama"]()
T5 = T5Config(vocab_size=320, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: BertModel(BERT), "is a BertModel, which does not"),
        (lambda: BertForMaskedLM(BERT), "is a BertForMaskedLM, which does not"),
        (lambda: T5EncoderModel(T5), "is a T5EncoderModel, which does not"),
        (
            lambda: LlamaForSequenceClassification(LLAMA),
            "is a LlamaForSequenceClassification, which",
        ),
    ],
    ids=["encoder", "masked", "unknown to causal models", "classifier"],
)
def test_a_model_that_is_no_causal_language_model_is_refused(tmp_path, model, reason):
    model().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(StabilityError, match=reason) as caught:
        load(str(tmp_path), device="cpu")
    assert "\n" not in str(caught.value)


def test_a_file_of_weights_is_no_model(folder):
    with pytest.raises(StabilityError, match=r"must be a folder .* is a file"):
        load(str(folder / "model.safetensors"))


def test_a_gguf_that_is_none_is_refused(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"not a GGUF")
    with pytest.raises(StabilityError, match=r"broken\.gguf"):
        load(str(path))
