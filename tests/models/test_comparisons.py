"""What a model must satisfy to be loaded, and what is refused with its number."""

import pytest
from support.models import FAMILIES, save_model
from transformers import Gemma3TextConfig, LlamaForCausalLM, XLNetConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from stability.errors import StabilityError
from stability.models import load, loading
from stability.models.comparisons import (
    future_comparison,
    readout_comparison,
    require,
    some_ids,
)


def some_vectors(lm):
    ids = some_ids(lm)
    return ids, lm.prelogits(ids)[0]


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
    require(readout_comparison(lm, *some_vectors(lm)), lm)
    for name, value in setting.items():
        setattr(lm.model.config, name, value)
        setattr(lm.model, name, value)  # Cohere keeps a copy of its own
    with pytest.raises(StabilityError, match="The readout must reproduce the model's logits"):
        require(readout_comparison(lm, *some_vectors(lm)), lm)


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

    def without_bias(model, name, device):
        readout = find(model, name, device)
        return type(readout)(readout.W_U)

    monkeypatch.setattr(loading, "find_readout", without_bias)
    with pytest.raises(StabilityError, match=r"\(PhiForCausalLM\) it is off by"):
        load(str(path), device="cpu")


SMALL = {"vocab_size": 320, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 32}
READERS = {
    "gemma3": lambda: Gemma3TextConfig(
        **SMALL,
        num_key_value_heads=1,
        intermediate_size=48,
        head_dim=16,
        use_bidirectional_attention=True,
    ),
    "xlnet": lambda: XLNetConfig(vocab_size=320, n_layer=2, n_head=2, d_model=32, d_inner=48),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_model_that_reads_later_tokens_is_refused(tmp_path, kind):
    folder = save_model(tmp_path, READERS[kind]())
    with pytest.raises(StabilityError, match="Tokens that follow must not change a prediction"):
        load(str(folder), device="cpu")


def test_a_model_that_reads_later_tokens_is_refused_in_half_precision(tmp_path):
    folder = save_model(tmp_path, READERS["gemma3"]())
    with pytest.raises(StabilityError, match="Tokens that follow must not change a prediction"):
        load(str(folder), "bfloat16", device="cpu")


def test_a_prediction_that_reads_one_later_token_of_many_is_noticed(folder, monkeypatch):
    """One block that adds a thousandth of the last token's vector to the first's."""
    lm = load(str(folder), device="cpu")
    forward = LlamaDecoderLayer.forward

    def leaking(self, hidden_states, *arguments, **options):
        leaked = hidden_states.clone()
        leaked[:, 0] += 1e-3 * hidden_states[:, -1]
        return forward(self, leaked, *arguments, **options)

    monkeypatch.setattr(LlamaDecoderLayer, "forward", leaking)
    assert not future_comparison(lm, *some_vectors(lm)).holds
