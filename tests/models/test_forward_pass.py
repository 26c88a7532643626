"""One recorded pass over a prompt, and the copies of what it leaves that later passes extend."""

import copy

import pytest
import torch
from support.families import FAMILIES, language_model
from support.models import blocks, random_model

from stability.errors import StabilityError
from stability.models.cache_copy import can_be_cut
from stability.models.forward_pass import run_forward, run_prefix
from stability.models.network import Network
from stability.prediction.provenance import ModelCard

IDS = torch.arange(1, 14)  # beyond windows, chunks and crossings of 8

# two float32 layers in another order of operations, of vectors of size one to ten
CLOSE = {"rtol": 0, "atol": 1e-4}
# families that leave keys, keys in windows, and states of recurrences; with rotations by length
KINDS = ["llama", "gemma3", "gpt_neo", "phi3, longrope", "llama4", "mamba", "mamba2", "jamba"]
KINDS += ["qwen3_next", "lfm2", "falcon_h1"]


@pytest.fixture(params=KINDS)
def network(request):
    return network_of(request.param)


def network_of(name: str) -> Network:
    return language_model(FAMILIES[name]()).network


def plain(network: Network) -> torch.Tensor:
    """What the unembedding is given, by a hook on it."""
    given = []
    head = network.model.get_output_embeddings()
    with torch.no_grad(), head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0])):
        network.model(input_ids=IDS[None], use_cache=False)
    return given[0][0]


def test_a_recorded_pass_ends_in_the_models_own_output(network):
    recorded = run_forward(network, IDS)
    torch.testing.assert_close(recorded.prelogits, plain(network), **CLOSE)
    assert [*recorded.blocks.values()] == [*blocks(network.model)]
    assert {len(output) for output in recorded.block_outputs} == {len(IDS)}


@pytest.mark.parametrize("position", [0, 1, 5, 8, 11])
def test_a_pass_that_continues_from_any_position_gives_what_the_whole_prompt_gives(
    network, position
):
    recorded, expected = run_forward(network, IDS), plain(network)
    cache = recorded.cache_before(position, 3)
    with torch.no_grad():
        for index in (position, position + 1):
            ids = IDS[index].expand(3, 1)
            output = network.prelogits(ids, cache=cache, length=len(IDS))[:, 0]
            torch.testing.assert_close(output, expected[index].expand(3, -1), **CLOSE)


def tensors(kept) -> list[torch.Tensor]:
    """All that the layers of a cache hold, copied."""
    return [
        part.clone()
        for layer in kept.layers
        for value in vars(layer).values()
        for part in (value.values() if isinstance(value, dict) else [value])
        if isinstance(part, torch.Tensor)
    ]


def test_a_copy_of_what_is_left_grows_alone(network):
    recorded = run_forward(network, IDS)
    for _ in range(2):
        before = tensors(recorded.cache_before(4, 1))
        copied = recorded.cache_before(4, 1)
        with torch.no_grad():
            for index in (4, 5):
                network.prelogits(IDS[None, index : index + 1], cache=copied, length=len(IDS))
        assert not all(map(torch.equal, tensors(copied), before))
        assert all(map(torch.equal, tensors(recorded.cache_before(4, 1)), before))


def test_states_of_recurrences_are_those_of_a_pass_over_the_earlier_tokens():
    network = network_of("jamba")
    recorded = run_forward(network, IDS)
    assert not can_be_cut(recorded.cache)
    expected = run_prefix(network, IDS[:5])
    found = recorded.cache_before(5, 1)
    assert all(map(torch.equal, tensors(found), tensors(expected)))
    assert recorded.cache_before(5, 3).layers[0].conv_states[0].shape[0] == 3


def test_a_model_without_a_cache_leaves_nothing():
    network = network_of("openai-gpt")
    assert network.new_cache() is None
    assert run_prefix(network, IDS) is None
    recorded = run_forward(network, IDS)
    assert recorded.cache_before(3, 2) is None


# --- which blocks ---------------------------------------------------------------------------------


def refused(network: Network) -> str:
    with pytest.raises(StabilityError) as error:
        run_forward(network, IDS)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_of_two_towers_of_equal_depth_the_one_that_reads_the_text_is_found():
    network = network_of("gemma3 with images")
    assert len(network.block_lists) == 2
    recorded = run_forward(network, IDS)
    assert [*recorded.blocks.values()] == [*network.model.model.language_model.layers]


def test_lists_within_blocks_are_not_taken_for_the_blocks():
    network = network_of("mixtral")
    [names] = [[*blocks] for blocks in network.block_lists]
    assert names == ["model.layers.0", "model.layers.1"]


class Looping(torch.nn.ModuleList):
    """A list of blocks that a pass goes through twice."""

    def __getitem__(self, index):
        return [*super().__getitem__(index)] * 2


def test_blocks_that_run_more_than_once_are_refused():
    model = random_model(FAMILIES["llama"]())
    model.model.layers.__class__ = Looping
    network = Network(model, ModelCard("looping", "", "float32", 32, 2, 320))
    sentence = "need 2 blocks that are called once each, in order; LlamaForCausalLM calls them othe"
    assert sentence in refused(network)


def test_a_model_without_such_a_list_is_refused():
    network = network_of("llama")
    other = Network(network.model, ModelCard("tiny", "", "float32", 32, 7, 320))
    assert (
        "need 7 blocks that are called once each, in order; LlamaForCausalLM has no l"
        in refused(other)
    )


def test_an_error_of_the_models_own_is_one_sentence():
    network = network_of("llama")
    broken = copy.copy(network.model)
    broken.__dict__["_modules"] = {**network.model._modules, "model": torch.nn.Identity()}
    with pytest.raises(StabilityError, match=r"^Running 'broken' must raise no error; received Ty"):
        Network(broken, ModelCard("broken", "", "float32", 32, 2, 320)).prelogits(IDS[None])


def test_a_pass_that_never_calls_its_unembedding_is_refused():
    network = network_of("llama")
    model = copy.copy(network.model)
    model.forward = lambda **options: None
    with pytest.raises(StabilityError, match="a vector for each token; received none from 'silen"):
        Network(model, ModelCard("silent", "", "float32", 32, 2, 320)).prelogits(IDS[None])
