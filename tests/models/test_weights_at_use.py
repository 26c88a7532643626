"""Weights in half precision or elsewhere: the numbers of a copy in float32 on one device."""

import copy
from dataclasses import replace

import pytest
import torch
from accelerate import dispatch_model
from support.families import FAMILIES
from support.ggufs import refused
from support.models import PROMPT, random_model, save_model

from stability.models import load
from stability.models.head import find_readout
from stability.models.network import Network
from stability.models.weights_at_use import read_at_use
from stability.prediction.provenance import ModelCard

IDS = torch.arange(4, 12)[None]
# another device than a tensor of the processor says to be on, whose tensors the processor can hold
ELSEWHERE = torch.device("cpu:1")
DATA = {getattr(torch.Tensor, name).__get__ for name in ("data", "T", "mT", "H", "mH")}
CARD = ModelCard("random", "local", "bfloat16", 1, 1, 1)


class Elsewhere(torch.Tensor):
    """A tensor of another device: it can be moved here, have rows looked up, and no more."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        if function == torch.Tensor.device.__get__:
            return ELSEWHERE
        plain = [a.as_subclass(torch.Tensor) if isinstance(a, cls) else a for a in arguments]
        is_fact = getattr(function, "__name__", "") == "__get__" and function not in DATA
        if is_fact or function in {torch.Tensor.to, torch.Tensor.size, torch.Tensor.dim}:
            return function(*plain, **(options or {}))
        if function is torch.nn.functional.embedding:
            return function(*plain, **(options or {})).as_subclass(cls)
        raise RuntimeError(f"{function} computes with a tensor of another device")


def spread(model, *parts):
    """The model, with the parameters elsewhere whose names hold one of the parts."""
    for name, module in model.named_modules():
        for key, weight in module._parameters.items():
            if weight is not None and any(part in f"{name}.{key}" for part in parts):
                module._parameters[key] = weight.data.as_subclass(Elsewhere)
    return model


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return Network(model, CARD).logits(IDS)


def widened(model) -> torch.nn.Module:
    return read_at_use(model, find_readout(model, "random"))


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
    wide = read_at_use(model, readout)
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


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, torch.float32) for name in FAMILIES), ("llama", torch.bfloat16)],
)
def test_weights_elsewhere_give_the_logits_of_those_that_are_here(name, dtype):
    model = random_model(FAMILIES[name]()).to(dtype)
    expected, readout = logits(widened(model)), find_readout(model, "random")
    unembedding = model.get_output_embeddings().weight
    others = [key for key, weight in model.named_parameters() if weight is not unembedding]
    found = read_at_use(spread(model, *others), readout)
    assert found is not model
    assert torch.equal(logits(found), expected)


def test_all_weights_elsewhere_cannot_be_computed_with_as_they_are():
    model = random_model(FAMILIES["llama"]())
    with pytest.raises(Exception, match="another device"):
        logits(spread(model, "layers.1"))


def test_ids_and_outputs_are_where_the_readout_is(tmp_path):
    lm = load(str(save_model(tmp_path, FAMILIES["llama"]())), device="cpu")
    # a model whose network is not made yet
    lm = replace(lm, model=spread(lm.model, "embed_tokens", "layers"))
    assert lm.network.model is not lm.model
    assert lm.network.device == lm.network.ids(lm.tokenize(PROMPT)).device == torch.device("cpu")
    assert lm.model.model.embed_tokens.weight.device == ELSEWHERE
    assert {weight.device for weight in lm.network.model.parameters()} == {
        ELSEWHERE,
        lm.network.device,
    }


@pytest.mark.parametrize("site", ["prelogit", "final", "block:1", "block:0"])
def test_a_state_of_weights_elsewhere_has_the_numbers_of_those_that_are_here(tmp_path, site):
    folder = str(save_model(tmp_path, FAMILIES["llama"]()))
    here, there = load(folder, device="cpu"), load(folder, device="cpu")
    parts = "embed_tokens", "layers.0", "layers.1.mlp", "model.norm"
    there = replace(there, model=spread(there.model, *parts))
    one, other = (lm.capture(PROMPT, site=site) for lm in (here, there))
    assert torch.equal(one.vector, other.vector)
    v = torch.eye(one.width, 3)
    torch.testing.assert_close(other.jvp(v), one.jvp(v), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other.vjp(v), one.vjp(v), rtol=1e-5, atol=1e-6)


def test_a_model_that_accelerate_has_dispatched_is_refused():
    model = random_model(FAMILIES["llama"]())
    model = dispatch_model(model, {"": "cpu"}, force_hooks=True)
    refused(
        lambda: widened(model), "LlamaForCausalLM are dispatched by accelerate", "device='auto'"
    )
