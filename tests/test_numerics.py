"""A safe `eˣ − 1 − x` and a safe root-finder."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from support.states import properties

from stability.numerics import exp_minus_tangent, largest, solve


@pytest.mark.parametrize("sign", [-1, 1])
def test_exp_minus_tangent_keeps_its_digits_at_every_size(sign):
    x = sign * np.concatenate([np.geomspace(1e-20, 700, 400), np.linspace(5e-3, 5e-2, 200)])
    exact = [float(Decimal(float(a)).exp() - 1 - Decimal(float(a))) for a in x]
    # the series leaves out x⁵/2520 = 4e-14 at its end, where expm1(x) − x loses 4ε/x = 9e-14
    np.testing.assert_allclose(exp_minus_tangent(x), exact, rtol=2e-13)


def test_exp_minus_tangent_of_far_negative_numbers_is_minus_one_minus_x_without_overflow():
    x = -np.geomspace(1e3, 1e200, 50)
    np.testing.assert_array_equal(exp_minus_tangent(x), -1 - x)


def test_exp_minus_tangent_is_zero_at_zero():
    assert exp_minus_tangent(np.zeros(1))[0] == 0


def cubic(target):
    return lambda x: (x**3 + x - target, 3 * x**2 + 1)


def test_solve_finds_each_root_in_its_own_bracket():
    target = np.linspace(-50, 50, 21).reshape(3, 7)
    roots = solve(cubic(target), np.full((3, 7), -10.0), np.full((3, 7), 10.0))
    expected = [brentq(lambda x, c=c: x**3 + x - c, -10, 10, xtol=1e-14) for c in target.ravel()]
    # both stop within their absolute tolerance: 1e-12 and 1e-14
    np.testing.assert_allclose(roots, np.reshape(expected, (3, 7)), rtol=0, atol=2e-12)


@properties(60)
@given(st.floats(-6, 6), st.floats(0.1, 1e4))
def test_solve_converges_where_plain_newton_diverges(root, width):
    def flattening(x):
        return np.arctan(x - root), 1 / (1 + (x - root) ** 2)

    low, high = np.array([root - 0.3 * width]), np.array([root + width])
    # near the root the method is Newton's, which ends at rounding of numbers of size |root|
    assert abs(solve(flattening, low, high)[0] - root) < 1e-11


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf, -1.0])
def test_a_useless_derivative_leaves_a_method_that_still_closes_in(slope):
    def misleading(x):
        return x - 0.3, np.full_like(x, slope)

    root = solve(misleading, np.zeros(1), np.ones(1), tolerance=0.0)
    assert 0 <= root[0] <= 1
    if not np.isinf(slope):  # an infinite slope is a Newton step of nothing: it stays where it is
        assert root[0] == pytest.approx(0.3, abs=1e-15)


@pytest.mark.parametrize("root", [0.0, 1.0])
def test_a_root_at_an_end_of_the_bracket_is_found(root):
    roots = solve(lambda x: (x - root, np.ones_like(x)), np.zeros(1), np.ones(1))
    assert roots[0] == pytest.approx(root, abs=1e-12)


def test_the_brackets_given_are_not_changed():
    low, high = np.zeros(2), np.ones(2)
    solve(cubic(np.full(2, 0.5)), low, high)
    assert (low == 0).all()
    assert (high == 1).all()


def test_solve_takes_few_steps_on_a_smooth_function():
    calls = []

    def counted(x):
        calls.append(x)
        return cubic(np.array([5.0]))(x)

    solve(counted, np.array([-10.0]), np.array([10.0]))
    # bisection of a bracket of 20 to 1e-12 takes 44
    assert len(calls) < 15


@pytest.mark.parametrize("count", [1, 3, 7, 50])
def test_the_largest_are_those_of_a_stable_sort(count):
    values = np.random.default_rng(0).integers(0, 5, 40).astype(float)  # full of ties
    expected = sorted(range(40), key=lambda i: (-values[i], i))[:count]
    assert largest(values, count).tolist() == expected
