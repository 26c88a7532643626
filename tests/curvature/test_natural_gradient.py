"""Conjugate gradients, and the direction in which a token gains most for the divergence."""

import numpy as np
import pytest
import torch
from support.states import (
    divergence_hessian,
    make_state,
    nonlinear_state,
    perturbed_logits,
    random_state,
)

from stability.curvature.conjugate_gradients import conjugate_gradients
from stability.curvature.natural_gradient import natural_gradient
from stability.errors import StabilityError


def matrix(seed: int, d: int, rank: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    factor = torch.randn(d, rank, generator=draw, dtype=torch.float64)
    return factor @ factor.T


def test_columns_are_solved_side_by_side():
    H = matrix(0, 8, 8)
    targets = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = conjugate_gradients(lambda X: H @ X, targets, 1e-10, 100)
    torch.testing.assert_close(found, torch.linalg.solve(H, targets), rtol=1e-6, atol=1e-8)


def test_a_singular_operator_is_inverted_on_its_range():
    """The solution is that of the pseudo-inverse: nothing along flat directions."""
    H = matrix(2, 8, 5)
    target = H @ torch.ones(8, 1, dtype=torch.float64)
    found = conjugate_gradients(lambda X: H @ X, target, 1e-10, 100)
    torch.testing.assert_close(found, torch.linalg.pinv(H) @ target, rtol=1e-6, atol=1e-8)


def test_a_target_of_zeros_is_solved_by_zeros():
    H = matrix(0, 4, 4)
    targets = torch.stack([torch.zeros(4), torch.ones(4)], dim=1).double()
    found = conjugate_gradients(lambda X: H @ X, targets, 1e-10, 50)
    assert not found[:, 0].any()
    torch.testing.assert_close(H @ found[:, 1], targets[:, 1])


@pytest.mark.parametrize(
    "state",
    [random_state(), random_state(softcap=3.0), nonlinear_state(d=6), nonlinear_state(d=5, D=9)],
    ids=["linear", "capped", "square", "narrow"],
)
def test_it_is_the_inverse_hessian_times_the_gradient(state):
    """Both by autograd, through the definition of the logits."""
    token, top = 7, int(state.logits.argmax())
    zero = torch.zeros(state.width, dtype=torch.float64)
    J = torch.func.jacrev(lambda delta: perturbed_logits(state, delta))(zero)
    g = J[token] - J[top]
    found = natural_gradient(state, token)
    H = divergence_hessian(state)
    # until the residual is a thousandth; the square errs by its square
    assert float((H @ found.vector - g).norm()) <= 2e-3 * float(g.norm())
    assert found.square == pytest.approx(float(g @ torch.linalg.solve(H, g)), rel=1e-3)


def test_it_costs_the_same_below_an_invertible_network():
    """`H⁻¹Jᵀ(w_b − w_top) = J⁻¹ H_y⁻¹ (w_b − w_top)`, and so the square is that at the readout."""
    A = torch.randn(6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    readout = random_state(5)
    W_U, y = readout.readout.W_U, readout.vector
    below = make_state(W_U, torch.linalg.solve(A, y), above=lambda x: x @ A.T)
    deep, shallow = natural_gradient(below, 9), natural_gradient(readout, 9)
    assert deep.square == pytest.approx(shallow.square, rel=1e-3)
    torch.testing.assert_close(A @ deep.vector, shallow.vector, rtol=0.05, atol=0.05)


def test_without_curvature_there_is_none():
    W = np.random.default_rng(0).standard_normal((3, 2))
    state = make_state(W, bias=[2000.0, 0.0, 0.0], above=lambda x: x)
    with pytest.raises(StabilityError, match="H is zero"):
        natural_gradient(state, 1)
