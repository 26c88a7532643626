"""From the vector after the final norm to the logits: the formula, its derivative, its transpose."""

import dataclasses

import numpy as np
import pytest
import torch

from stability.prediction.readout import Readout

V, D, K = 30, 8, 3


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng([seed, *shape]).standard_normal(shape))


W, BIAS = random(V, D), random(V)
VARIANTS = {
    "plain": {},
    "bias": {"bias": BIAS},
    "scale": {"scale": 0.0625},
    "softcap": {"softcap": 3.0},
    "all": {"bias": BIAS, "scale": 0.5, "softcap": 2.0},
}
every_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


def by_the_formula(y: np.ndarray, bias=None, scale=1.0, softcap=None) -> np.ndarray:
    """`f(s·(W_U y) + b)` token by token, in numpy."""
    z = np.array([scale * sum(w * x for w, x in zip(row, y, strict=True)) for row in W.numpy()])
    z = z if bias is None else z + bias.numpy()
    return z if softcap is None else softcap * np.tanh(z / softcap)


@every_variant
def test_logits_follow_the_formula(options):
    y = random(D, seed=1)
    logits = Readout(W, **options).logits(y).numpy()
    # sums of 8 products in float64
    np.testing.assert_allclose(logits, by_the_formula(y.numpy(), **options), rtol=0, atol=1e-13)


@every_variant
def test_logits_of_a_batch_are_those_of_its_members(options):
    readout, batch = Readout(W, **options), random(2, 4, D)
    logits = readout.logits(batch)
    assert logits.shape == (2, 4, V)
    torch.testing.assert_close(logits[1, 2], readout.logits(batch[1, 2]), rtol=0, atol=1e-13)


@every_variant
def test_products_run_in_float32_and_logits_come_in_float64(options):
    exact, readout = Readout(W, **options), Readout(W.float(), **options)
    y = random(D, seed=1)
    logits = readout.logits(y)
    assert logits.dtype == torch.float64
    # 8 products and sums of numbers below 10, each rounded to 6e-8
    torch.testing.assert_close(logits, exact.logits(y), rtol=0, atol=1e-5)
    assert not torch.equal(logits, exact.logits(y))


@pytest.mark.parametrize("options", [VARIANTS["plain"], VARIANTS["bias"], VARIANTS["scale"]])
def test_slopes_are_the_jacobian_of_the_logits(options):
    readout, directions = Readout(W, **options), random(D, K)
    J = torch.func.jacrev(readout.logits)(random(D, seed=1))
    torch.testing.assert_close(readout.slopes(directions), J @ directions, rtol=0, atol=1e-13)


def test_slopes_of_a_capped_readout_are_those_of_its_uncapped_logits():
    readout, directions = Readout(W, **VARIANTS["all"]), random(D, K)
    J = torch.func.jacrev(readout.uncapped)(random(D, seed=1))
    torch.testing.assert_close(readout.slopes(directions), J @ directions, rtol=0, atol=1e-13)


@every_variant
def test_the_slope_of_the_cap_is_its_derivative(options):
    readout = Readout(W, **options)
    z = torch.linspace(-9, 9, 31, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(readout.cap(z).sum(), z)
    torch.testing.assert_close(readout.cap_slope(z), slope, rtol=0, atol=1e-15)
    J = torch.func.jacrev(readout.logits)(y := random(D, seed=1))
    product = readout.cap_slope(readout.uncapped(y))[:, None] * readout.slopes(torch.eye(D))
    torch.testing.assert_close(product, J, rtol=0, atol=1e-13)


@every_variant
def test_pull_back_is_the_transpose_of_slopes(options):
    readout, directions, weights = Readout(W, **options), random(D, K), random(V, K)
    pushed = (readout.slopes(directions) * weights).sum(dim=0)
    pulled = (directions * readout.pull_back(weights)).sum(dim=0)
    torch.testing.assert_close(pushed, pulled, rtol=1e-12, atol=1e-13)


def test_capping_is_monotone_bounded_and_undone_by_atanh():
    readout = Readout(W, softcap=30.0)
    z = torch.linspace(-100, 100, 401, dtype=torch.float64)
    capped = readout.cap(z)
    assert (capped.diff() > 0).all()
    assert capped.abs().max() < 30
    # atanh magnifies a rounding of 2e-16 by 1/(1 − tanh²) = 200 at 100/30
    torch.testing.assert_close(30 * (capped / 30).atanh(), z, rtol=1e-12, atol=1e-12)


def test_the_slope_of_a_cap_keeps_its_digits_where_the_logit_is_held():
    x = torch.tensor([-200.0, -20.0, -1.0, 0.0, 3.0, 18.0, 300.0], dtype=torch.float64)
    decay = (-2 * x.abs()).exp()
    # a few roundings; exponents of 600 have an error of 600 roundings
    torch.testing.assert_close(
        Readout(torch.eye(2), softcap=0.5).cap_slope(0.5 * x),
        4 * decay / (1 + decay) ** 2,
        rtol=1e-12,
        atol=0,
    )


def test_a_very_high_cap_changes_nothing():
    y = random(D, seed=1)
    # tanh(x) = x − x³/3 with x = z/1e6 ≤ 1e-5
    torch.testing.assert_close(
        Readout(W, softcap=1e6).logits(y), Readout(W).logits(y), rtol=1e-10, atol=0
    )


def test_row_norms_are_those_of_the_scaled_rows():
    expected = (0.25 * W).square().sum(dim=1)
    torch.testing.assert_close(Readout(W, scale=0.25).row_norms_squared, expected)


def test_sizes_are_those_of_the_unembedding():
    assert (Readout(W).vocab_size, Readout(W).width) == (V, D)


def test_a_readout_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Readout(W).scale = 2.0
