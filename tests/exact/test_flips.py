"""Where the most likely token changes, along a ray and over all directions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from support.states import (
    binary_state,
    make_state,
    nonlinear_state,
    perturbed_logits,
    properties,
    random_direction,
    random_state,
    uniform_state,
    with_logits,
)

from stability.errors import StabilityError
from stability.exact.flips import along, envelope, nearest
from stability.geometry.ray import ray

seeds = st.integers(0, 10**6)


def bisected_changes(logits, slopes, end):
    """Every change of the argmax on [0, end], by bisection of the argmax itself.

    A line that wins at both ends of an interval wins within it, so halving the intervals whose ends
    differ misses nothing that is wider than their last length, 1e-12.
    """

    def winner(t):
        return int((logits + t * slopes).argmax())

    def search(low, high):
        if winner(low) == winner(high):
            return []
        middle = 0.5 * (low + high)
        if high - low < 1e-12 or middle in (low, high):
            return [(high, winner(high))]
        return search(low, middle) + search(middle, high)

    return search(0.0, end)


# --- along a ray ----------------------------------------------------------------------------------


@properties(60)
@given(seeds, st.sampled_from([2, 5, 60]), st.floats(1e-3, 5))
def test_flips_are_those_that_bisection_of_the_argmax_finds(seed, V, gain):
    draw = np.random.default_rng(seed)
    logits, slopes = gain * draw.standard_normal(V), draw.standard_normal(V)
    flips = envelope(logits, slopes, int(logits.argmax()), limit=V)
    end = 2 * flips[-1][0] + 1 if flips else 1.0
    expected = bisected_changes(logits, slopes, end)
    assert [token for _, token in flips] == [token for _, token in expected]
    # the last interval, and t's own rounding
    np.testing.assert_allclose([t for t, _ in flips], [t for t, _ in expected], 1e-12, 2e-12)


@properties(60)
@given(seeds, st.sampled_from([3, 60]))
def test_flips_end_at_the_steepest_line_and_come_in_order(seed, V):
    draw = np.random.default_rng(seed)
    logits, slopes = draw.standard_normal(V), draw.standard_normal(V)
    start = int(logits.argmax())
    flips = envelope(logits, slopes, start, limit=V)
    distances, tokens = [t for t, _ in flips], [start] + [token for _, token in flips]
    assert tokens[-1] == slopes.argmax()
    assert distances == sorted(distances)
    assert (np.diff(slopes[tokens]) > 0).all()


def test_two_lines_cross_at_their_gap_over_their_difference_in_slope():
    assert envelope(np.array([3.0, 0.0]), np.array([0.5, 2.0]), 0, 8) == [(2.0, 1)]


def test_at_most_as_many_flips_as_asked_for():
    logits, slopes = -(np.arange(6.0) ** 2) / 2, np.arange(6.0)  # tangents of a parabola: all win
    every = envelope(logits, slopes, 0, 8)
    assert every == [(0.5, 1), (1.5, 2), (2.5, 3), (3.5, 4), (4.5, 5)]
    assert envelope(logits, slopes, 0, 2) == every[:2]
    assert envelope(logits, slopes, 0, 0) == []


def test_of_equal_lines_the_lowest_id_takes_over():
    logits, slopes = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0, 1.0])
    assert envelope(logits, slopes, 0, 8) == [(1.0, 1)]


def test_of_lines_that_cross_at_one_point_the_steepest_takes_over():
    logits, slopes = np.array([2.0, 1.0, 0.0]), np.array([0.0, 1.0, 2.0])
    assert envelope(logits, slopes, 0, 8) == [(1.0, 2)]


def test_a_tie_at_the_start_is_broken_at_no_distance():
    logits, slopes = np.zeros(3), np.array([0.0, -1.0, 1.0])
    assert envelope(logits, slopes, 0, 8) == [(0.0, 2)]
    assert envelope(logits, -slopes, 0, 8) == [(0.0, 1)]


def test_parallel_lines_never_flip():
    assert envelope(np.array([0.5, 0.4]), np.ones(2), 0, 8) == []


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_flips_of_a_ray_happen_in_the_model_itself(scale):
    state = random_state(4, bias=True, scale=scale, gain=3)
    v = random_direction(state, 4)
    for sign, side in zip([-1, 1], ray(state, v).flips(), strict=True):
        assert side
        tokens = [state.argmax] + [flip.id for flip in side]
        for flip, before in zip(side, tokens, strict=False):
            # the argmax itself, a millionth before and beyond
            just = [flip.distance * (1 + step) * sign * v for step in (-1e-6, 1e-6)]
            assert perturbed_logits(state, np.stack(just)).argmax(dim=1).tolist() == [
                before,
                flip.id,
            ]
            assert flip.text == f"<{flip.id}>"


def test_a_duplicate_row_with_a_higher_id_never_takes_over():
    rows = np.array([[0.0], [0.0], [1.0], [1.0]])
    state = with_logits(rows, [1.0, 1.0, 0.0, 0.0])
    minus, plus = ray(state, np.ones(1)).flips()
    assert minus == []
    assert [(flip.distance, flip.id) for flip in plus] == [(1.0, 2)]


def test_along_limits_the_flips_and_measures_in_state_coordinates():
    state = binary_state(0.3)
    minus, (flip,) = along(state, torch.tensor([0.0, 2.0], dtype=torch.float64), limit=8)
    assert minus == []
    assert flip.distance == pytest.approx(np.log(0.7 / 0.3) / 2, rel=1e-14)
    assert along(state, torch.tensor([0.0, 2.0], dtype=torch.float64), limit=0) == ([], [])


# --- where logits are soft-capped -----------------------------------------------------------------


@pytest.mark.parametrize("softcap", [0.5, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_flips_along_a_ray_of_capped_logits_are_those_of_a_dense_scan(softcap, seed):
    state = random_state(seed, gain=2.0, bias=True, scale=0.7, softcap=softcap)
    v = random_direction(state)
    for sign, flips in zip((-1, 1), ray(state, v).flips(limit=40), strict=True):
        assert 1 <= len(flips) < 40
        edges = [0.0, *(flip.distance for flip in flips), 2 * flips[-1].distance]
        winners = [state.argmax, *(flip.id for flip in flips)]
        for start, stop, winner in zip(edges[:-1], edges[1:], winners, strict=True):
            t = np.linspace(start, stop, 12)[1:-1]
            capped = perturbed_logits(state, sign * t[:, None] * v)
            # logits at the cap may be equal in float64
            assert (capped[:, winner] == capped.max(dim=1).values).all()
            assert (capped.argmax(dim=1) == winner).all() or capped.max() > 0.999 * softcap


@pytest.mark.parametrize("softcap", [0.5, 5.0])
def test_nothing_flips_capped_logits_nearer_than_the_nearest_flip_and_beyond_it_does(softcap):
    state = random_state(3, gain=1.0, bias=True, scale=0.7, softcap=softcap)
    flip = nearest(state)
    draw = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spheres = draw / draw.norm(dim=1, keepdim=True)
    inside = perturbed_logits(state, flip.distance * (1 - 1e-9) * spheres)
    assert (inside.argmax(dim=1) == state.argmax).all()
    towards = state.readout.W_U[flip.id] - state.readout.W_U[state.argmax]
    beyond = perturbed_logits(state, flip.distance * (1 + 1e-6) * towards / towards.norm())
    assert int(beyond.argmax()) == flip.id


# --- over all directions --------------------------------------------------------------------------


@properties(40)
@given(seeds, st.sampled_from([2, 5, 100]), st.floats(0.1, 10), st.booleans())
def test_nearest_is_the_least_projection_on_the_half_space_of_any_token(seed, V, scale, bias):
    state = random_state(seed, V=V, scale=scale, bias=bias)
    rows, logits, top = state.readout.W_U.numpy(), state.logits.numpy(), state.argmax
    distances = np.full(V, np.inf)
    for j in set(range(V)) - {top}:
        normal = scale * (rows[j] - rows[top])
        projection = (logits[top] - logits[j]) / (normal @ normal) * normal
        distances[j] = np.linalg.norm(projection)
    flip = nearest(state)
    assert flip.id == distances.argmin()
    assert flip.text == f"<{flip.id}>"
    # the logits carry 1e-15 absolutely, and so does their gap
    assert flip.distance == pytest.approx(distances.min(), rel=1e-10, abs=1e-14)


def test_nearest_is_what_a_constrained_optimiser_finds():
    state = random_state(1, V=6, d=3, scale=2.0, bias=True)
    rows, logits, top = state.readout.W_U.numpy(), state.logits.numpy(), state.argmax

    def shortest(j):
        lead = {
            "type": "ineq",
            "fun": lambda x: logits[j] - logits[top] + 2 * (rows[j] - rows[top]) @ x,
        }
        best = minimize(lambda x: x @ x, np.ones(3), constraints=lead, tol=1e-14)
        return np.sqrt(best.fun)

    # SLSQP stops when the square changes by less than 1e-14
    least = min(shortest(j) for j in range(6) if j != top)
    assert nearest(state).distance == pytest.approx(least, rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_argmax_flips_just_beyond_the_nearest_flip_and_nowhere_before(seed):
    state = random_state(seed, scale=0.5, bias=True, gain=3)
    flip, rows = nearest(state), state.readout.W_U.numpy()
    towards = rows[flip.id] - rows[state.argmax]
    towards /= np.linalg.norm(towards)
    beyond, before = (flip.distance * (1 + step) * towards for step in (1e-6, -1e-6))
    assert perturbed_logits(state, beyond).argmax() == flip.id
    assert perturbed_logits(state, before).argmax() == state.argmax
    draw = np.random.default_rng(seed).standard_normal((500, 6))
    inside = flip.distance * (1 - 1e-6) * draw / np.linalg.norm(draw, axis=1, keepdims=True)
    assert (perturbed_logits(state, inside).argmax(dim=1) == state.argmax).all()


def test_nearest_is_the_first_flip_of_the_ray_along_its_own_direction():
    state = random_state(7)
    flip, rows = nearest(state), state.readout.W_U
    first = ray(state, rows[flip.id] - rows[state.argmax]).flips(limit=1)[1][0]
    assert first.id == flip.id
    assert first.distance == pytest.approx(flip.distance, rel=1e-12)


def test_nearest_in_one_dimension_is_the_log_odds_over_the_gap():
    # a few roundings of numbers of size one
    assert nearest(binary_state(0.3, gap=2.0)).distance == pytest.approx(
        np.log(0.7 / 0.3) / 2, rel=1e-14
    )


def test_nearest_of_a_tie_is_at_no_distance_and_has_the_lowest_id():
    flip = nearest(uniform_state(4))
    assert (flip.distance, flip.id) == (0.0, 1)


def test_nearest_measures_rows_that_differ_by_less_than_their_float32_squares_show():
    """‖w_top‖² is 400 with a rounding of 3e-5; the two rows are 1e-3 apart, 1e-6 squared."""
    rows = torch.full((3, 4), 10.0)
    rows[1, 0] += 1e-3
    rows[2] = 0
    state = with_logits(rows, [1.0, 0.99, 0.0])
    gap = float(rows[1, 0].double() - rows[0, 0].double())
    # token 2 is 1/20 away, token 1 about 10; then token 1 moves closer than token 2
    assert nearest(state).id == 2
    assert nearest(state).distance == pytest.approx(1 / 20, rel=1e-12)
    close = nearest(with_logits(rows, [1.0, 1 - 1e-5, 0.0]))
    assert close.id == 1
    assert close.distance == pytest.approx(1e-5 / gap, rel=1e-9)


@pytest.mark.parametrize("copies", [1, 100])
def test_copies_of_the_top_row_are_no_flip(copies):
    draw = np.random.default_rng(0)
    rows = draw.standard_normal((copies + 5, 3))
    rows[: copies + 1] = rows[0]
    logits = np.r_[np.zeros(copies + 1), -1, -2, -3, -4]
    flip = nearest(with_logits(rows, logits))
    assert flip is not None
    expected = -logits[copies + 1 :] / np.linalg.norm(rows[copies + 1 :] - rows[0], axis=1)
    assert flip.id == copies + 1 + expected.argmin()
    assert flip.distance == pytest.approx(expected.min(), rel=1e-12)


def test_a_twin_of_the_winner_never_takes_over_along_a_ray():
    """In float32 the products of equal rows may differ, as do those of the last few rows."""
    plain = random_state(2, V=3001, d=576, dtype=torch.float32)
    W_U, top = plain.readout.W_U.clone(), plain.argmax
    W_U[[(top + 17) % 3001, (top + 101) % 3001, 3000]] = W_U[top].clone()
    state = make_state(W_U, plain.vector)
    for seed in range(20):
        direction = random_direction(state, seed)
        for sign, flips in zip((-1, 1), ray(state, direction).flips(1), strict=True):
            leads = sign * (W_U.double() - W_U[top].double()) @ torch.from_numpy(direction)
            gaps = state.uncapped_logits[top] - state.uncapped_logits
            distances = (gaps / leads).where(leads > 0, torch.inf)
            # a product of rows errs by some 1e-6, against leads of one and more
            assert flips[0].id == int(distances.argmin())
            assert flips[0].distance == pytest.approx(float(distances.min()), rel=1e-4)


@pytest.mark.parametrize("row", [0.0, 1.0])
def test_no_token_can_take_over_where_all_rows_are_equal(row):
    assert nearest(with_logits(np.full((3, 2), row), [1.0, 0.5, 0.5])) is None
    assert nearest(with_logits(np.full((3, 2), row), [1.0, 1.0, 1.0])) is None


def test_nearest_needs_logits_that_are_linear_in_the_state_but_for_capping():
    with pytest.raises(StabilityError, match=r"of tiny at 'block:0': capture it at 'prelogit'"):
        nearest(nonlinear_state())


@pytest.mark.parametrize("twins", [0, 40, 599])
@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_the_nearest_of_all_is_found_however_many_come_near(twins, gain):
    """Rows like the winner's, more than are measured at first, never take over."""
    draw = torch.Generator().manual_seed(twins)
    rows = torch.randn(600, 12, generator=draw, dtype=torch.float64)
    rows *= 0.1 + torch.rand(600, 1, generator=draw, dtype=torch.float64) * 3
    vector = gain * torch.randn(12, generator=draw, dtype=torch.float64)
    top = int((rows @ vector).argmax())
    order = torch.arange(600)
    rows[order[order != top][:twins]] = rows[top].clone()
    state = make_state(rows, vector)
    winner = state.argmax
    gaps = state.uncapped_logits[winner] - state.uncapped_logits
    lengths = (rows - rows[winner]).norm(dim=1)
    distances = (gaps / lengths).where(lengths > 0, torch.inf)
    flip = nearest(state)
    if twins == 599:
        assert flip is None
        return
    assert flip.id == int(distances.argmin())
    assert flip.distance == pytest.approx(float(distances.min()), rel=1e-12)
