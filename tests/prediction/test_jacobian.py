"""The derivative of a function of batches of vectors, both ways, against torch.func."""

import pytest
import torch
from support.states import Function
from torch import Tensor

from stability.prediction.held_jacobian import HeldJacobian, held
from stability.prediction.jacobian import (
    COLUMNS_AT_ONCE,
    WIDEST_HELD,
    CopiedJacobian,
    Jacobian,
    jacobian,
    jacobian_along,
    traced,
)

D_IN, D_OUT = 7, 5


def random(*shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=draw, dtype=torch.float64)


A, B, C, X = random(9, D_IN), random(D_OUT, 9), random(D_IN, D_OUT), random(D_IN)


def layer(x: Tensor) -> Tensor:
    return (x @ A.T).tanh() @ B.T


def attention(x: Tensor) -> Tensor:
    """One query from the vector, over keys and values of which the last are its own."""
    keys = torch.cat([random(1, 4, D_IN).expand(len(x), -1, -1), (x @ A[:D_IN])[:, None]], dim=1)
    scores = (x[:, None] * keys).sum(dim=-1)
    return (scores.softmax(dim=-1)[..., None] * keys.sin()).sum(dim=1) @ C


def norm(x: Tensor) -> Tensor:
    return x * (x.square().mean(dim=-1, keepdim=True) + 1e-6).rsqrt() @ C


FUNCTIONS = {
    "a layer": layer,
    "attention": attention,
    "a norm": norm,
    "a linear map": lambda x: x @ C,
    "the identity": lambda x: 1 * x,
}
every_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64 sums of a dozen terms of size one


def exact(function) -> Tensor:
    return torch.func.jacrev(lambda x: function(x[None])[0])(X)


def whole(function, x, rows):
    return held(lambda y: (y, function(y)), x, len(exact(function)), rows)


WAYS = {
    "a graph of the vector": traced,
    "a copy": lambda function, x: CopiedJacobian(function, x, 1),
    "four copies, as on a card": lambda function, x: CopiedJacobian(function, x, 4),
    "all rows": lambda function, x: whole(function, x, 16),
    "two rows at once": lambda function, x: whole(function, x, 2),
}


@every_function
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("k", [1, 3, COLUMNS_AT_ONCE, COLUMNS_AT_ONCE + 1, 2 * COLUMNS_AT_ONCE + 5])
def test_push_and_pull_are_the_jacobian_and_its_transpose(function, way, k):
    J, derivative = exact(function), way(function, X)
    V, U = random(D_IN, k), random(len(J), k)
    torch.testing.assert_close(derivative.jvp([V]), J @ V, **EXACT)
    torch.testing.assert_close(derivative.vjp(U)[0], J.T @ U, **EXACT)


@every_function
def test_push_and_pull_are_transposes_of_each_other(function):
    derivative = traced(function, X)
    V = random(D_IN, 4)
    U = random(len(exact(function)), 6)
    torch.testing.assert_close(U.T @ derivative.jvp([V]), derivative.vjp(U)[0].T @ V, **EXACT)


def test_asking_again_gives_the_same_and_the_vector_is_left_alone():
    x = X.clone()
    derivative = traced(layer, x)
    V, U = random(D_IN, 2), random(D_OUT, 2)
    assert torch.equal(derivative.jvp([V]), derivative.jvp([V]))
    assert torch.equal(derivative.vjp(U)[0], derivative.vjp(U)[0])
    assert torch.equal(x, X)
    assert not x.requires_grad


def test_gradients_are_taken_also_where_they_are_switched_off():
    V = random(D_IN, 2)
    with torch.no_grad():
        product = traced(layer, X).jvp([V])
    torch.testing.assert_close(product, exact(layer) @ V, **EXACT)


def test_a_float32_function_gives_float64_with_the_digits_of_float32():
    single = traced(lambda x: (x @ A.float().T).tanh() @ B.float().T, X.float())
    V, U = random(D_IN, 3), random(D_OUT, 3)
    for product, expected in (
        (single.jvp([V]), exact(layer) @ V),
        (single.vjp(U)[0], exact(layer).T @ U),
    ):
        assert product.dtype == torch.float64
        # sums of a dozen terms of size one, each rounded to 6e-8
        torch.testing.assert_close(product, expected, rtol=0, atol=1e-5)
        assert not torch.equal(product, expected)


def test_an_output_that_does_not_move_has_no_derivative():
    derivative = traced(lambda x: 0 * x @ C, X)
    assert derivative.jvp([random(D_IN, 2)]).eq(0).all()
    assert derivative.vjp(random(D_OUT, 2))[0].eq(0).all()


def test_several_sources_of_one_output_have_each_their_own_derivative():
    """A vector passes two layers; the graph's axes of length one do not count."""
    with torch.enable_grad():
        first = X.clone().requires_grad_(True)
        second = layer(first[None])[None]
        last = (second @ B).sin() @ A
    derivative = Jacobian(last, [first, second])

    def above(y: Tensor) -> Tensor:
        return (y @ B).sin() @ A

    J_second = torch.func.jacrev(above)(layer(X[None])[0])
    J_first = J_second @ exact(layer)
    V, W, U = random(D_IN, 3), random(D_OUT, 3), random(len(J_second), 2)
    torch.testing.assert_close(derivative.jvp([V, W]), J_first @ V + J_second @ W, **EXACT)
    for pulled, J in zip(derivative.vjp(U), (J_first, J_second), strict=True):
        torch.testing.assert_close(pulled, J.T @ U, **EXACT)


def test_each_source_moves_alone_along_columns_of_its_own():
    with torch.enable_grad():
        first = X.clone().requires_grad_(True)
        second = (first[None] @ A.T).tanh()[None] @ A
        last = (second @ C).sin()
    derivative = Jacobian(last, [first, second])
    J_second = torch.func.jacrev(lambda y: (y @ C).sin())(second[0, 0].detach())
    J_first = J_second @ torch.func.jacrev(lambda x: (x @ A.T).tanh() @ A)(X)
    blocks, cotangents = random(2, D_IN, 3), random(2, D_OUT, 3)
    expected = torch.stack([J_first @ blocks[0], J_second @ blocks[1]])
    torch.testing.assert_close(derivative.jvp_each(blocks), expected, **EXACT)
    expected = torch.stack([J_first.T @ cotangents[0], J_second.T @ cotangents[1]])
    torch.testing.assert_close(derivative.vjp_each(cotangents), expected, **EXACT)


class Layers:
    """Two layers, one after the other, of which at most three copies are run at once."""

    at_once = 3
    holds_weights = False

    def __call__(self, vectors: Tensor) -> Tensor:
        return self.trajectory(vectors)[-1]

    def trajectory(self, vectors: Tensor) -> tuple[Tensor, ...]:
        assert len(vectors) <= self.at_once
        between = (vectors @ A.T).tanh()[:, None] @ A
        return vectors, between, (between @ C).sin()


def test_what_is_held_by_several_sources_is_what_the_graph_gives():
    by_graph, in_full = (
        jacobian_along(Layers(), X, D_OUT, device=torch.device(name)) for name in ("cpu", "cuda")
    )
    assert isinstance(by_graph, Jacobian)
    assert isinstance(in_full, HeldJacobian)
    blocks, cotangents, U = random(2, D_IN, 3), random(2, D_OUT, 3), random(D_OUT, 4)
    for theirs, ours in (
        (by_graph.sources, in_full.sources),
        ([by_graph.jvp([*blocks])], [in_full.jvp([*blocks])]),
        (by_graph.vjp(U), in_full.vjp(U)),
        (by_graph.jvp_each(blocks), in_full.jvp_each(blocks)),
        (by_graph.vjp_each(cotangents), in_full.vjp_each(cotangents)),
    ):
        for this, that in zip(theirs, ours, strict=True):
            torch.testing.assert_close(that, this, **EXACT)


@pytest.mark.parametrize(
    ("width", "device", "kind"),
    [
        (D_OUT, None, Jacobian),
        (D_OUT, "cpu", Jacobian),
        (D_OUT, "cuda", HeldJacobian),
        (WIDEST_HELD + 1, "cuda", CopiedJacobian),
    ],
)
def test_on_a_card_it_is_held_whole_unless_the_network_is_very_wide(width, device, kind):
    found = jacobian(Function(layer), X, width, device=device and torch.device(device))
    assert type(found) is kind


def test_work_of_several_parts_lets_other_work_go_first():
    paused = []
    jacobian_along(Layers(), X, D_OUT, lambda: paused.append(1), torch.device("cuda"))
    assert len(paused) == 2
