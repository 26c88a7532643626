"""A view of a model: other modules over the same weights, and the model as it was."""

import pytest
import torch
from support.models import FAMILIES, blocks, random_model
from torch import nn

from stability.models.network_view import (
    InjectingBlock,
    PushedBlock,
    RecordingBlock,
    SkippedBlock,
    TracedBlock,
    view,
    view_of_all,
)

IDS = torch.arange(1, 7)[None]


def run(model, ids=IDS) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits


def names(model) -> list[str]:
    """The qualified names of the blocks, found by the blocks themselves."""
    own = {id(block) for block in blocks(model)}
    return [name for name, module in model.named_modules() if id(module) in own]


def stand_ins(model, make) -> dict[str, nn.Module]:
    return {name: make(model.get_submodule(name)) for name in names(model)}


def numbers(n, *shape) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=[*FAMILIES])
def model(request):
    return random_model(FAMILIES[request.param]())


def test_a_view_shares_every_weight_and_leaves_the_model_as_it_was(model):
    before, modules = run(model), [*map(id, model.modules())]
    seen = view(model, stand_ins(model, SkippedBlock))
    assert not torch.equal(run(seen), before)
    assert {id(w) for w in seen.parameters()} < {id(w) for w in model.parameters()}
    assert [*map(id, model.modules())] == modules
    assert torch.equal(run(model), before)


def test_a_view_replaces_modules_by_name_at_any_depth():
    inner = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model = nn.Sequential(inner, nn.Linear(2, 1))
    first, last = nn.Identity(), nn.Identity()
    seen = view(model, {"0.0": first, "1": last})
    assert (seen[0][0], seen[1]) == (first, last)
    assert seen[0][1] is inner[1]
    assert (model[0], model[0][0], model[1]) == (inner, inner[0], model[1])
    assert inner[0] is not first


def test_a_view_of_all_shares_weights_and_no_module(model):
    seen = view_of_all(model)
    assert {id(w) for w in seen.parameters()} == {id(w) for w in model.parameters()}
    assert not {*map(id, seen.modules())} & {*map(id, model.modules())}
    assert torch.equal(run(seen), run(model))


def test_what_a_view_writes_stays_in_it():
    model = nn.Sequential(nn.BatchNorm1d(2))
    seen = view_of_all(model)
    seen[0].note, seen[0].running_mean = "seen", torch.ones(2)
    assert not hasattr(model[0], "note")
    assert model[0].running_mean.tolist() == [0, 0]


def test_a_view_that_records_gives_the_models_output_and_the_streams_of_its_own(model):
    calls: list = []
    recording = {
        name: RecordingBlock(model.get_submodule(name), name, calls) for name in names(model)
    }
    assert torch.equal(run(view(model, recording)), run(model))
    with torch.no_grad():
        output = model(input_ids=IDS, use_cache=False, output_hidden_states=True)
    assert [name for name, _ in calls] == names(model)
    # transformers gives the last one after the final norm
    for (_, stream), expected in zip(calls[:-1], output.hidden_states[1:-1], strict=True):
        assert torch.equal(stream, expected)


def test_an_injected_stream_is_the_output_of_its_block(model):
    first, *others = names(model)
    stream, traced = numbers(3, 1, 32), []
    parts = {
        first: InjectingBlock(model.get_submodule(first), stream),
        **{name: TracedBlock(SkippedBlock(model.get_submodule(name)), traced) for name in others},
    }
    run(view(model, parts), IDS[:, :1].expand(3, 1))
    assert torch.equal(traced[-1], stream)


def test_a_pushed_block_moves_one_position_of_each_row(model):
    name, deltas = names(model)[0], numbers(2, 32)
    calls: list = []
    pushed = PushedBlock(model.get_submodule(name), 3, deltas)
    run(view(model, {name: RecordingBlock(pushed, name, calls)}), IDS.expand(2, 6))
    plain: list = []
    run(view(model, {name: RecordingBlock(model.get_submodule(name), name, plain)}), IDS)
    moved = calls[0][1] - plain[0][1]
    # streams of size ten in float32
    torch.testing.assert_close(moved[:, 3], deltas, rtol=0, atol=1e-5)
    moved[:, 3] = 0
    assert moved.abs().max() < 1e-5


class Block(nn.Module):
    """A block that returns its stream as the first of three values, given by keyword."""

    def forward(self, *, other: str, hidden_states: torch.Tensor) -> tuple:
        return 2 * hidden_states, "attention", "cache"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda block: SkippedBlock(block, 2), [[1.0, 1.0], [1.0, 1.0]]),
        (lambda block: InjectingBlock(block, torch.full((2, 1, 2), 7.0), 2), [[7.0, 7.0]] * 2),
    ],
)
def test_a_block_that_is_not_computed_returns_as_many_values_as_it_would(make, expected):
    stream, *rest = make(Block())(other="", hidden_states=torch.ones(2, 1, 2))
    assert stream[:, 0].tolist() == expected
    assert rest == [None, None]


def test_a_block_that_is_computed_keeps_its_form():
    vectors: list = []
    for block in (PushedBlock(Block(), 0, torch.ones(2, 2)), TracedBlock(Block(), vectors)):
        stream, *rest = block(other="", hidden_states=torch.ones(2, 3, 2))
        assert stream.shape == (2, 3, 2)
        assert rest == [None, None]
    assert [vector.tolist() for vector in vectors] == [[[[2.0, 2.0]], [[2.0, 2.0]]]]


def test_the_last_position_of_a_traced_block_leads_to_its_output():
    block, vectors = random_linear(), []
    output = TracedBlock(block, vectors)(numbers(2, 3, 4))
    (slope,) = torch.autograd.grad(output[:, -1].sum(), vectors[0])
    assert torch.equal(slope, torch.ones(2, 1, 4))


def random_linear() -> nn.Module:
    return nn.Linear(4, 4)


def test_a_stand_in_has_the_attributes_of_the_block_and_none_of_its_weights():
    block = blocks(random_model(FAMILIES["llama"]()))[1]
    for stand_in in (SkippedBlock(block), RecordingBlock(block, "", [])):
        assert stand_in.self_attn is block.self_attn
        assert list(stand_in.parameters()) == []
        with pytest.raises(AttributeError):
            _ = stand_in.no_such_attribute
