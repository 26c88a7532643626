"""A model is read whole and as described, or refused: nothing is left out, and nothing filled in."""

import pytest
import torch
from support.models import FAMILIES, save_model

from stability.errors import StabilityError
from stability.models import load


@pytest.mark.parametrize("name", ["model.norm.weight", "model.layers.1.mlp.up_proj.weight"])
def test_a_missing_tensor_is_refused(folder, edit_weights, name):
    edit_weights(lambda weights: weights.pop(name))
    with pytest.raises(StabilityError, match=f"lacks 1 tensors, '{name}' among them"):
        load(str(folder))


BIAS, SCALE, BLOCK = (
    "model.layers.0.self_attn.q_proj.bias",
    "model.layers.0.mlp.up_proj.weight_scale_inv",
    "model.layers.2.mlp.up_proj.weight",
)


@pytest.mark.parametrize("name", [BIAS, SCALE, BLOCK, "vision.weight"])
def test_a_tensor_that_the_model_does_not_use_is_refused(folder, edit_weights, name):
    edit_weights(lambda weights: weights.update({name: torch.ones(32)}))
    with pytest.raises(
        StabilityError, match=f"has 1 tensors that .* not read, '{name}' among them"
    ):
        load(str(folder), device="cpu")


def test_what_the_architecture_itself_ignores_is_no_reason_to_refuse(folder, edit_weights):
    """Older versions of transformers stored the frequencies of the rotation."""
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    edit_weights(lambda weights: weights.update({name: torch.ones(8)}))
    assert load(str(folder), device="cpu").card.n_layers == 2


def test_a_model_with_fewer_blocks_than_its_weights_is_refused(folder, set_config):
    set_config(num_hidden_layers=1)
    with pytest.raises(StabilityError, match=r"'model\.layers\.1\..*count too few blocks"):
        load(str(folder), device="cpu")


def test_a_head_that_is_to_be_tied_and_is_another_matrix_is_refused(folder, set_config):
    set_config(tie_word_embeddings=True)
    with pytest.raises(StabilityError, match=r"one matrix where config\.json ties them"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("tied", [True, False])
def test_a_head_that_is_what_the_configuration_says_is_read(tmp_path, tied):
    config = FAMILIES["llama"]()
    config.tie_word_embeddings = tied
    lm = load(str(save_model(tmp_path, config)), device="cpu")
    assert torch.equal(lm.readout.W_U, lm.model.get_input_embeddings().weight) is tied


def test_weights_of_another_shape_are_refused(folder, set_config):
    set_config(vocab_size=200)
    with pytest.raises(StabilityError, match=r"Reading the model .* must raise no error"):
        load(str(folder), device="cpu")


def test_a_folder_without_a_tokenizer_is_refused(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(StabilityError, match="Reading the tokenizer of"):
        load(str(folder), device="cpu")


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_any_precision_are_read_in_the_one_asked_for(folder, edit_weights, stored):
    def store(weights):
        for name, tensor in weights.items():
            weights[name] = tensor.to(stored)

    edit_weights(store)
    lm = load(str(folder), device="cpu")
    assert {weight.dtype for weight in lm.model.parameters()} == {torch.float32}
