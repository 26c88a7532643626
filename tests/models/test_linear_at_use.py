"""Linear maps that read their weight for every product: the numbers of torch's, and none held."""

import copy

import pytest
import torch
from support.families import FAMILIES
from support.models import PROMPT, random_model, save_model
from torch import nn

from stability.models import load
from stability.models.forward_pass import run_forward
from stability.models.head import find_readout
from stability.models.linear_at_use import LinearAtUse
from stability.models.network import Network
from stability.models.network_above import NetworkAbove
from stability.models.weights_at_use import read_at_use
from stability.prediction.jacobian import CopiedJacobian, traced
from stability.prediction.provenance import ModelCard

IDS = torch.arange(4, 12)
CARD = ModelCard("random", "local", "bfloat16", 1, 2, 1)


def maps(bias):
    plain = nn.Linear(5, 3, bias=bias).requires_grad_(False)
    ours = LinearAtUse(5, 3, bias=bias).requires_grad_(False)
    ours.load_state_dict(plain.state_dict())
    return plain, ours


def above(wide):
    """The network above the first block, at the last position."""
    network = Network(wide, CARD)
    return NetworkAbove(run_forward(network, IDS), len(IDS) - 1, 0)


def half(name):
    model = random_model(FAMILIES[name]()).to(torch.bfloat16)
    # as it is loaded: it can be differentiated twice
    model.set_attn_implementation("eager")
    return model


def at_use(model):
    return read_at_use(model, find_readout(model, "random"))


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 4, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_derivatives_of_both_orders_are_those_of_torch(bias, shape):
    torch.manual_seed(0)
    x, u = torch.randn(shape, requires_grad=True), torch.randn(*shape[:-1], 3, requires_grad=True)
    batch, found = torch.randn(7, *shape), []
    for linear in maps(bias):
        y = linear(x)
        [pulled] = torch.autograd.grad(y, x, u, create_graph=True)
        [pushed] = torch.autograd.grad(pulled, u, batch[0], retain_graph=True)
        [batched] = torch.autograd.grad(pulled, u, batch, is_grads_batched=True)
        with torch.no_grad():
            found.append([y.detach(), pulled.detach(), pushed, batched, linear(x)])
    for theirs, ours in zip(*found, strict=True):
        # sums of five terms, of another order perhaps
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("way", [traced, lambda network, x: CopiedJacobian(network, x, 4)])
def test_products_with_the_jacobian_of_a_network_are_those_of_its_copy_in_float32(way):
    torch.manual_seed(0)
    model = half("llama")
    V = torch.randn(model.config.hidden_size, 6, dtype=torch.float64)
    one, other = above(at_use(model)), above(copy.deepcopy(model).float())
    x = one.forward_pass.block_outputs[0][-1]
    ours, theirs = way(one, x), way(other, x)
    torch.testing.assert_close(ours.jvp([V]), theirs.jvp([V]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.vjp(V)[0], theirs.vjp(V)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["llama", "phi", "gemma3"])
def test_no_graph_holds_the_weight_of_a_linear_map(name):
    model = half(name)
    ours, plain = at_use(model), copy.deepcopy(model).float()
    shapes = {part.weight.shape for part in ours.modules() if isinstance(part, LinearAtUse)}
    assert shapes & held(above(plain))
    assert not shapes & held(above(ours))


def held(network):
    """The shapes of what a product with the Jacobian of a network keeps, as it is and transposed."""
    kept, x = [], network.forward_pass.block_outputs[0][-1]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        traced(network, x).jvp([torch.eye(len(x), 2)])
    return {shape for tensor in kept for shape in (tensor.shape, tensor.shape[::-1])}


@pytest.mark.parametrize(
    ("name", "dtype", "holds"),
    [
        ("llama", torch.bfloat16, False),
        ("llama", torch.float32, False),
        # its maps are modules of transformers' own
        ("gpt2", torch.bfloat16, True),
        ("gpt2", torch.float32, False),
        ("mixtral", torch.bfloat16, True),
    ],
)
def test_a_graph_that_holds_copies_of_weights_is_not_kept(tmp_path, name, dtype, holds):
    folder = str(save_model(tmp_path, FAMILIES[name]()))
    state = load(folder, str(dtype).removeprefix("torch."), "cpu").capture(PROMPT, site="block:0")
    assert state.above.holds_weights is holds
    assert (state._jacobian is not state._jacobian) is holds
