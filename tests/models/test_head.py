"""The head of a model as a readout."""

import json

import pytest
import torch
from support.models import FAMILIES, random_model, save_model

from stability.errors import StabilityError
from stability.models import load
from stability.models.head import find_readout


@pytest.mark.parametrize("unembedding", [None, torch.nn.Identity()])
def test_a_model_without_an_unembedding_is_refused(unembedding):
    model = random_model(FAMILIES["llama"]())
    model.get_output_embeddings = lambda: unembedding
    with pytest.raises(StabilityError, match=r"'mute' \(LlamaForCausalLM\) has none"):
        find_readout(model, "mute")


def test_a_readout_lies_where_the_unembedding_does_unless_told():
    model = random_model(FAMILIES["phi"]()).half()
    assert find_readout(model, "m").W_U.device.type == "cpu"
    readout = find_readout(model, "m", torch.device("meta"))
    assert readout.W_U.device.type == readout.bias.device.type == "meta"


def test_a_scaled_model_reads_its_scale_from_the_config(tmp_path):
    path = save_model(tmp_path / "granite", FAMILIES["granite"]())
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config["logits_scaling"] = 8.0
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert load(str(path), device="cpu").readout.scale == 1 / 8


@pytest.mark.parametrize("scaling", [0, 0.0])
def test_logits_divided_by_nought_are_refused(scaling):
    model = random_model(FAMILIES["granite"]())
    model.config.logits_scaling = scaling
    with pytest.raises(StabilityError, match="a number other than 0; 'mine' has logits_scaling 0"):
        find_readout(model, "mine")


def test_a_scale_that_is_no_number_is_not_used():
    model = random_model(FAMILIES["cohere"]())
    model.config.logit_scale = None
    assert find_readout(model, "mine").scale == 1
