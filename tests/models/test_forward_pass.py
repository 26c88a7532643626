"""One recorded pass over a prompt, and the copies of its keys and values that later passes extend."""

import pytest
import torch
from support.models import FAMILIES, random_model

from stability.models.forward_pass import run_cached, run_forward

IDS = torch.arange(1, 13)  # beyond the sliding windows of 8

# two float32 layers in another order of operations, of vectors of size one to ten
CLOSE = {"rtol": 0, "atol": 1e-4}


@pytest.fixture(params=FAMILIES)
def body(request):
    return random_model(FAMILIES[request.param]()).base_model


def plain(body, ids):
    with torch.no_grad():
        return body(input_ids=ids[None], use_cache=False).last_hidden_state[0]


def test_a_recorded_pass_ends_in_the_models_own_output(body):
    recorded = run_forward(body, IDS)
    torch.testing.assert_close(recorded.prelogits, plain(body, IDS), **CLOSE)
    assert len(recorded.block_outputs) == len(recorded.blocks) == 2
    assert {len(output) for output in recorded.block_outputs} == {len(IDS)}


@pytest.mark.parametrize("position", [0, 5, 10])
def test_a_pass_that_continues_from_any_position_gives_what_the_whole_prompt_gives(body, position):
    recorded, expected = run_forward(body, IDS), plain(body, IDS)
    cache = recorded.cache_before(position, 3)
    with torch.no_grad():
        for index in (position, position + 1):
            output = run_cached(body, IDS[index].expand(3, 1), cache)[:, 0]
            torch.testing.assert_close(output, expected[index].expand(3, -1), **CLOSE)


def test_a_copy_of_the_keys_and_values_grows_alone(body):
    recorded = run_forward(body, IDS)
    before = [(layer.keys.clone(), layer.values.clone()) for layer in recorded.cache.layers]
    for _ in range(2):
        copied = recorded.cache_before(4, 1)
        assert copied.get_seq_length() == 4
        with torch.no_grad():
            run_cached(body, IDS[None, 4:6], copied)
        assert copied.get_seq_length() == 6
    for layer, (keys, values) in zip(recorded.cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)
