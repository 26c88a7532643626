"""Adapters: merged into their base with the numbers that they give beside it, or refused."""

import json
import shutil
import sys

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from support.adapters import IDS, write_adapter
from support.models import PROMPT
from transformers import AutoModelForCausalLM

from stability.errors import StabilityError
from stability.models import adapters, load

# of peft and transformers about each other
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def logits_of(lm):
    return lm.readout.logits(lm.prelogits(IDS)[0])


@pytest.fixture
def adapter(tmp_path):
    return tmp_path / "adapter"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"target_modules": ["up_proj", "o_proj"], "r": 2, "use_rslora": True},
        {"target_modules": ["k_proj"], "use_dora": True},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {
            "target_modules": "all-linear",
            "rank_pattern": {"q_proj": 1},
            "alpha_pattern": {"k_proj": 3},
        },
    ],
)
def test_an_adapter_folder_is_merged_into_its_base(folder, adapter, settings):
    expected = write_adapter(folder, adapter, **settings)
    lm = load(str(adapter), device="cpu")
    # merging rounds each weight once: float32
    assert torch.allclose(logits_of(lm), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert not torch.allclose(logits_of(load(str(folder), device="cpu")), expected, atol=0.1)
    assert lm.card.revision == f"local, an adapter merged into {folder} local"
    assert lm.card.name == str(adapter)


def test_an_adapter_beside_its_base_is_merged(folder, adapter):
    expected = write_adapter(folder, adapter)
    for path in adapter.glob("adapter_*"):
        shutil.copy(path, folder)
    lm = load(str(folder), device="cpu")
    assert torch.allclose(logits_of(lm), expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert "an adapter merged into the model beside it" in lm.card.revision
    # and every site below the readout is there
    assert lm.capture(PROMPT, site="block:0").width == 32


def test_without_peft_an_adapter_is_refused_and_never_left_out(folder, adapter, monkeypatch):
    write_adapter(folder, adapter)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(StabilityError, match=r"pip install 'stability\[adapters\]'"):
        load(str(adapter), device="cpu")


@pytest.mark.parametrize(
    ("settings", "received"),
    [
        ({"peft_type": "XLORA", "adapters": {"0": "/nowhere"}}, "is 'XLORA'"),
        ({"peft_type": "PROMPT_TUNING"}, "is 'PROMPT_TUNING'"),
        ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "sets megatron_config"),
        ({"layer_replication": [[0, 2], [0, 2]]}, "sets layer_replication"),
    ],
)
def test_what_is_more_than_plain_lora_is_refused_before_anything_of_it_is_read(
    folder, adapter, settings, received, monkeypatch
):
    write_adapter(folder, adapter)
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    monkeypatch.setattr(PeftModel, "from_pretrained", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(StabilityError, match=f"must be plain LoRA to be merged; .* {received}"):
        load(str(adapter), device="cpu")


def test_an_adapter_whose_weights_are_a_pickle_is_refused(folder, adapter):
    write_adapter(folder, adapter)
    weights = load_file(adapter / "adapter_model.safetensors")
    (adapter / "adapter_model.safetensors").unlink()
    torch.save(weights, adapter / "adapter_model.bin")
    with pytest.raises(StabilityError, match="An adapter's weights must be safetensors"):
        load(str(adapter), device="cpu")


@pytest.mark.parametrize("change", ["renamed", "removed", "added"])
def test_an_adapter_that_does_not_fit_its_base_is_refused(folder, adapter, change):
    write_adapter(folder, adapter)
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    first = next(iter(weights))
    tensor = weights[first].clone() if change == "added" else weights.pop(first)
    if change != "removed":
        weights[first.replace("layers.0", "layers.7")] = tensor
    save_file(weights, path)
    with pytest.raises(StabilityError, match="must fit its base"):
        load(str(adapter), device="cpu")


@pytest.mark.parametrize("base", [None, "", 7, "/no/such/folder"])
def test_an_adapter_without_a_base_is_refused(folder, adapter, base):
    write_adapter(folder, adapter)
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": base}))
    with pytest.raises(
        StabilityError, match=r"must name its base model|'/no/such/folder' is missing"
    ):
        load(str(adapter), device="cpu")


def test_an_adapter_that_is_its_own_base_is_refused(folder, adapter):
    write_adapter(folder, adapter)
    path = adapter / "adapter_config.json"
    own = json.loads(path.read_text()) | {"base_model_name_or_path": str(adapter)}
    path.write_text(json.dumps(own))
    with pytest.raises(StabilityError, match="must be a whole model"):
        load(str(adapter), device="cpu")


def test_an_adapter_of_a_head_that_shares_its_weights_is_refused(
    tmp_path, folder, set_config, edit_weights, adapter
):
    """Merged, it would change the embedding too."""
    edit_weights(lambda weights: weights.pop("lm_head.weight"))
    set_config(tie_word_embeddings=True)
    write_adapter(folder, adapter, target_modules=["lm_head"])
    with pytest.raises(StabilityError, match="must give the logits that it gives beside its base"):
        load(str(adapter), device="cpu")


def test_the_folder_without_its_adapter_is_removed_again(folder, adapter):
    write_adapter(folder, adapter)
    with adapters.without_adapter(adapter) as plain:
        assert not list(plain.glob("adapter_*"))
    assert not plain.exists()
    assert PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), adapter)
