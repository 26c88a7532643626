"""Conjugate gradients, against dense solutions."""

import torch

from stability.curvature.conjugate_gradients import conjugate_gradients


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
