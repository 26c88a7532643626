"""Weights in half precision, computed in float32: the numbers of a copy that is in float32."""

import copy

import pytest
import torch
from support.families import FAMILIES
from support.models import random_model

from stability.models.head import find_readout
from stability.models.network import Network
from stability.models.widened import in_float32
from stability.prediction.provenance import ModelCard

IDS = torch.arange(4, 12)[None]
CARD = ModelCard("random", "local", "bfloat16", 1, 1, 1)


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return Network(model, CARD).logits(IDS)


def widened(model) -> torch.nn.Module:
    return in_float32(model, find_readout(model, "random"))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.bfloat16) for name in FAMILIES), ("llama", torch.float16)],
)
def test_half_weights_give_the_logits_of_a_copy_in_float32(name, dtype):
    model = random_model(FAMILIES[name]()).to(dtype)
    expected = logits(copy.deepcopy(model).float())
    found = logits(widened(model))
    assert found.dtype == torch.float32
    # the same products, of other layouts perhaps
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("tied", [True, False])
def test_a_copy_shares_the_weights_and_leaves_the_model_as_it_was(tied):
    config = FAMILIES["llama"]()
    config.tie_word_embeddings = tied
    model = random_model(config).to(torch.bfloat16)
    before, readout = logits(model), find_readout(model, "random")
    wide = in_float32(model, readout)
    logits(wide)
    own = {weight.data_ptr() for weight in model.parameters()}
    unembedding = model.get_output_embeddings().weight.data_ptr()
    shared = (own - {unembedding}) | {readout.W_U.data_ptr()}
    assert {weight.data_ptr() for weight in wide.parameters()} == shared
    assert torch.equal(logits(model), before)


def test_a_model_in_float32_is_used_as_it_is():
    model = random_model(FAMILIES["llama"]())
    assert widened(model) is model


def test_a_module_that_is_there_twice_is_so_in_the_copy():
    model = random_model(FAMILIES["llama"]()).to(torch.bfloat16)
    model.again = model.model.layers[0]
    wide = widened(model)
    assert wide.again is wide.model.layers[0]
    assert wide.again is not model.again
