"""A view of a model: other blocks over the same weights, and the model as it was."""

import copy

import pytest
import torch
from support.models import FAMILIES, blocks, random_model

from stability.models.network_view import (
    InjectingBlock,
    RecordingBlock,
    SkippedBlock,
    blocks_of,
    view_with_blocks,
)

IDS = torch.arange(1, 7)[None]


def run(body) -> torch.Tensor:
    with torch.no_grad():
        return body(input_ids=IDS, use_cache=False).last_hidden_state


@pytest.fixture(params=FAMILIES)
def body(request):
    return random_model(FAMILIES[request.param]()).base_model


def test_the_blocks_are_found_wherever_the_architecture_keeps_them(body):
    assert blocks_of(body) is blocks(body)


def test_a_view_shares_every_weight_and_leaves_the_model_as_it_was(body):
    before, modules = run(body), list(body.modules())
    view = view_with_blocks(body, blocks(body), [SkippedBlock(block) for block in blocks(body)])
    assert not torch.equal(run(view), before)
    ours = {id(weight) for weight in body.parameters()}
    assert {id(weight) for weight in view.parameters()} < ours
    assert [*map(id, body.modules())] == [*map(id, modules)]
    assert torch.equal(run(body), before)


def test_there_is_no_view_of_a_module_without_the_blocks(body):
    other = copy.deepcopy(blocks(body))
    assert view_with_blocks(body, other, [*other]) is None


def test_a_view_that_records_gives_the_models_output_and_the_streams_of_its_own(body):
    outputs = []
    recording = [RecordingBlock(block, outputs) for block in blocks(body)]
    assert torch.equal(run(view_with_blocks(body, blocks(body), recording)), run(body))
    with torch.no_grad():
        streams = body(input_ids=IDS, use_cache=False, output_hidden_states=True).hidden_states
    assert len(outputs) == len(blocks(body))
    # transformers gives the last one after the final norm
    for output, expected in zip(outputs[:-1], streams[1:-1], strict=True):
        assert torch.equal(output, expected)


def test_an_injected_vector_is_the_output_of_its_block(body):
    first, *others = blocks(body)
    vectors = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    outputs = []
    injected = [InjectingBlock(first, vectors), *(SkippedBlock(block) for block in others[:-1])]
    view = view_with_blocks(
        body, blocks(body), [*injected, RecordingBlock(SkippedBlock(others[-1]), outputs)]
    )
    with torch.no_grad():
        view(input_ids=IDS[:, :1].expand(3, 1), use_cache=False)
    assert torch.equal(outputs[0], vectors[:, None])


def test_a_wrapped_block_has_the_attributes_of_the_block_and_none_of_its_weights():
    block = blocks(random_model(FAMILIES["llama"]()))[1]
    for wrapped in (SkippedBlock(block), RecordingBlock(block, [])):
        assert wrapped.self_attn is block.self_attn
        assert list(wrapped.parameters()) == []
        with pytest.raises(AttributeError):
            _ = wrapped.no_such_attribute
