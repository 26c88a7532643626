"""Lines of nonlinear logits: first crossings and flips against closed forms and bisection."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit
from support.states import (
    Function,
    make_state,
    nearly_one_hot,
    nonlinear_state,
    perturbed_logits,
    properties,
    random_direction,
    random_state,
    true_kl,
)
from torch import Tensor

from stability.geometry.ray import ray
from stability.numerical.crossings import FIRST, PARTS, REACH, ROUNDS, STEP, Lines
from stability.numerical.line import NumericalLine
from stability.prediction.state import State

seeds = st.integers(0, 10**6)
LEVELS = np.array([1e-9, 0.9 * FIRST, FIRST, 1e-3, 0.1, 0.7])  # nats
ACCURACY = 1e-4  # relative, of a distance


def coin(f, reach: float = 20.0) -> State:
    """Even odds whose logits are `±f(t)` on the first axis, followed up to `reach`.

    `f(0) = 0`, and the divergence is `log cosh f(t)`.
    """
    rows = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    vector = torch.tensor([0.0, reach / REACH], dtype=torch.float64)
    return make_state(rows, vector, above=lambda x: f(x[..., :1]))


def along(state: State):
    """The ray of a coin."""
    return ray(state, np.array([1.0, 0]))


def needed(epsilon):
    """The `f` at which a coin's divergence is `ε`; arccosh loses digits near one."""
    return np.arccosh(np.exp(epsilon)) if epsilon > 1e-6 else np.sqrt(2 * epsilon)


def with_identity(state: State) -> State:
    """The same state, said to lie below a network that changes nothing."""
    return replace(state, site="final", above=Function(lambda x: x))


def circle(n: int, reach: float) -> State:
    """Logits `2 cos(t − 2πi/n)` on the first axis: each of `n` tokens wins in its turn."""
    angles = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    rows = 2 * torch.stack([angles.cos(), angles.sin()], dim=1)
    vector = torch.tensor([0.0, reach / REACH], dtype=torch.float64)

    def above(x: Tensor) -> Tensor:
        return torch.cat([x[..., :1].cos(), x[..., :1].sin()], dim=-1)

    return make_state(rows, vector, above=above)


def first_crossings(state: State, v, levels) -> list[float]:
    """By a scan in steps of half a percent, and bisection; infinite where there is none."""
    t = np.geomspace(1e-6, REACH * state.norm, 4000)
    kl, crossings = true_kl(state, t[:, None] * v).numpy(), []
    for level in levels:
        i = (kl >= level).argmax()
        excess = lambda s, e=level: float(true_kl(state, s * v)) - e  # noqa: E731
        crossings.append(brentq(excess, t[i - 1], t[i], rtol=1e-9) if i else math.inf)
    return crossings


def changes(state: State, v, end: float) -> list[tuple[float, int]]:
    """All changes of the argmax by a scan in equal steps, and bisection of the argmax itself."""

    def winner(t) -> np.ndarray:
        return perturbed_logits(state, np.atleast_1d(t)[:, None] * v).argmax(dim=1).numpy()

    t = np.linspace(0, end, 10_001)
    winners, takeovers = winner(t), []
    for i in np.flatnonzero(winners[1:] != winners[:-1]):
        low, high = t[i], t[i + 1]
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (middle, high) if winner(middle)[0] == winners[i] else (low, middle)
        takeovers.append((high, int(winners[i + 1])))
    return takeovers


def lasting(takeovers: list[tuple[float, int]], start: int) -> list[tuple[float, int]]:
    """Without a token that takes over and gives back within one step: that need not be seen."""
    for i in range(len(takeovers) - 1):
        before = takeovers[i - 1][1] if i else start
        if takeovers[i + 1][1] == before and takeovers[i + 1][0] < STEP * takeovers[i][0]:
            return lasting(takeovers[:i] + takeovers[i + 2 :], start)
    return takeovers


# --- the first crossing ---------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [*LEVELS, 2.0])
def test_of_a_divergence_that_rises_and_falls_the_first_crossing_is_returned(epsilon):
    """`3 sin t` crosses at `t₁`, again at `π − t₁`, and so on six times within reach."""
    expected = np.arcsin(needed(epsilon) / 3)
    minus, plus = along(coin(lambda x: 3 * x.sin())).boundary(epsilon)
    assert minus == pytest.approx(expected, rel=ACCURACY)
    assert plus == pytest.approx(expected, rel=ACCURACY)


def test_of_several_peaks_the_first_that_is_high_enough_counts():
    """`(1 + t²) sin t` has peaks near 2.2 and 5.1, of 4.7 and −25."""
    line = along(coin(lambda x: (1 + x.square()) * x.sin()))
    for epsilon in (0.5, 3.0, 10.0, 20.0):
        height = needed(epsilon)
        start, stop = (0.0, 2.0) if height < 4.5 else (3.5, 5.0)
        expected = brentq(lambda t, h=height: abs((1 + t * t) * np.sin(t)) - h, start, stop)
        assert line.boundary(epsilon) == pytest.approx((expected, expected), rel=ACCURACY)


def test_of_three_crossings_within_one_step_the_first_is_returned():
    """Steps of 1.2 from half of √(2·1e-4)/0.01 come by 10.9 and 13.1; KL is above from 12.5 on."""

    def f(x: Tensor) -> Tensor:
        up, down, again = (((x - t) * 40).sigmoid() for t in (11.3, 11.9, 12.5))
        return 0.01 * x + 2 * (up - down + again)

    assert along(coin(f)).boundary(0.5)[1] == pytest.approx(11.3, abs=0.02)


@pytest.mark.parametrize("epsilon", LEVELS)
def test_of_a_divergence_that_saturates_a_level_below_is_crossed(epsilon):
    height = needed(epsilon)
    minus, plus = along(coin(lambda x: 1.5 * x.tanh())).boundary(epsilon)
    expected = np.arctanh(height / 1.5)
    assert (minus, plus) == pytest.approx((expected, expected), rel=ACCURACY)


@pytest.mark.parametrize("epsilon", [1.001, 5.0, 1e6])
def test_of_a_divergence_that_saturates_a_level_above_is_not_reached(epsilon):
    height = needed(0.999)  # the limit is just below the level, or far below
    line = along(coin(lambda x: height * x.tanh()))
    assert line.boundary(epsilon) == (None, None)
    assert line.boundary(0.9)[0] is not None
    boundaries = line.boundaries(np.array([0.9, epsilon]))
    assert np.isfinite(boundaries[:, 0]).all()
    assert np.isinf(boundaries[:, 1]).all()


def test_the_two_sides_of_a_line_are_followed_apart():
    """`t e^{−t}` never exceeds 1/e on the plus side, and grows on the minus side."""
    line = along(coin(lambda x: x * (-x).exp()))
    minus, plus = line.boundary(0.1)
    assert plus is None  # log cosh(1/e) = 0.066
    assert minus == pytest.approx(brentq(lambda t: t * np.exp(t) - needed(0.1), 0, 1), rel=ACCURACY)


@pytest.mark.parametrize("epsilon", [1e-7, 1e-5, FIRST / 2, FIRST, 2 * FIRST, 0.01, 1.0])
def test_levels_asked_for_together_are_those_of_each_alone(epsilon):
    state = nonlinear_state(3, gain=2.0)
    levels = np.unique([epsilon, 1e-6, 1e-3, 0.3])
    together = ray(state, random_direction(state)).boundaries(levels)
    for crossings_at_level, level in zip(together.T, levels, strict=True):
        line = ray(state, random_direction(state))
        np.testing.assert_allclose(
            line.boundaries(np.array([level]))[:, 0], crossings_at_level, rtol=ACCURACY
        )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("softcap", [None, 3.0])
def test_boundaries_of_a_network_are_where_bisection_finds_them(seed, softcap):
    state = nonlinear_state(seed, gain=2.0, softcap=softcap)
    v = random_direction(state, seed)
    boundaries = ray(state, v).boundaries(LEVELS)
    for sign, side in zip([-1, 1], boundaries, strict=True):
        expected = first_crossings(state, sign * v, LEVELS)
        np.testing.assert_allclose(side, expected, rtol=ACCURACY)


def test_boundaries_of_capped_logits_are_where_bisection_finds_them():
    state = random_state(1, gain=3.0, softcap=2.0, bias=True)
    v = random_direction(state)
    levels = np.array([1e-5, 0.01, 1.0, 10.0])  # logits differ by four at most
    boundaries = ray(state, v).boundaries(levels)
    for sign, side in zip([-1, 1], boundaries, strict=True):
        expected = first_crossings(state, sign * v, levels)
        np.testing.assert_allclose(side, expected, rtol=ACCURACY)
    assert np.isfinite(boundaries[:, :3]).all()
    assert np.isinf(boundaries[:, 3]).all()


@properties(25)
@given(seeds, st.floats(0.2, 5), st.floats(-6, 0.5))
def test_the_divergence_is_below_the_level_before_a_boundary_and_above_it_behind(
    seed, gain, log_epsilon
):
    state, epsilon = nonlinear_state(seed, gain=gain), 10**log_epsilon
    v = random_direction(state, seed)
    for sign, distance in zip([-1, 1], ray(state, v).boundary(epsilon), strict=True):
        end = REACH * state.norm if distance is None else distance * (1 - ACCURACY)
        before = true_kl(state, sign * np.linspace(0, end, 200)[:, None] * v)
        assert float(before.max()) <= epsilon
        if distance is not None:
            behind = sign * distance * (1 + ACCURACY) * v
            assert float(true_kl(state, behind)) >= epsilon


# --- jumps ----------------------------------------------------------------------------------------


def step(where: float, height: float, slope: float = 0.1, reach: float = 20.0) -> State:
    """`f = slope·t`, and at one distance a jump."""
    return coin(lambda x: slope * x + height * (x >= where), reach)


@pytest.mark.parametrize("where", [1e-3, 0.02, 0.7, 3.0, 17.0])
@pytest.mark.parametrize("height", [0.3, 4.0])
def test_a_jump_is_located_and_called_one(where, height):
    epsilon = 0.02
    found = along(step(where, height)).find(np.array([epsilon]))
    smooth = needed(epsilon) / 0.1  # where the slope alone would lead: 2.0
    jumps = where < smooth
    assert found.kinds[:, 0].tolist() == ["reached", "jump" if jumps else "reached"]
    assert found.distances[0, 0] == pytest.approx(smooth, rel=ACCURACY)
    assert found.distances[1, 0] == pytest.approx(min(where, smooth), rel=ACCURACY)


@pytest.mark.parametrize("steepness", [1e2, 1e3, 1e4])
def test_a_rise_that_is_steep_is_no_jump(steepness):
    """A sigmoid over as little as a ten thousandth of its distance."""
    line = along(coin(lambda x: 0.1 * x + 2 * (steepness * (x - 1)).sigmoid()))
    found = line.find(np.array([0.5]))
    rise = lambda t: 0.1 * t + 2 * expit(steepness * (t - 1)) - needed(0.5)  # noqa: E731
    assert found.distances[1, 0] == pytest.approx(brentq(rise, 0, 2, xtol=1e-13), rel=ACCURACY)
    assert found.kinds[1, 0] == "reached"


def test_a_jump_that_does_not_reach_the_level_is_none():
    found = along(step(1.0, 0.02)).find(np.array([0.02]))
    assert found.kinds[1, 0] == "reached"
    assert found.distances[1, 0] == pytest.approx((needed(0.02) - 0.02) / 0.1, rel=ACCURACY)


@pytest.mark.parametrize("start", np.linspace(1.4, 1.9, 8))
def test_a_stretch_of_a_twentieth_before_the_boundary_is_not_missed(start):
    """The slope alone reaches the level at 2.0; three steps before the end of its own begin at 1.39."""

    def f(x: Tensor) -> Tensor:
        return 0.1 * x + 0.3 * ((x >= start) & (x < 1.051 * start))

    found = along(coin(f)).find(np.array([0.02]))
    assert found.kinds[1, 0] == "jump"
    assert found.distances[1, 0] == pytest.approx(start, rel=ACCURACY)


@pytest.mark.parametrize("where", [0.011, 0.3, 5.0])
def test_a_flip_by_a_jump_is_located(where):
    """Token 0 leads by `0.2 t + 1` on the plus side until the jump takes it 3 below."""
    rows = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    vector = torch.tensor([0.0, 4.0], dtype=torch.float64)

    def above(x: Tensor) -> Tensor:
        return 1 + 0.2 * x[..., :1] - 3.0 * (x[..., :1] >= where)

    [minus], [plus] = ray(make_state(rows, vector, above=above), np.array([1.0, 0])).flips(1)
    assert (plus.id, minus.id) == (1, 1)
    assert plus.distance == pytest.approx(where, rel=ACCURACY)
    assert minus.distance == pytest.approx(5.0, rel=1e-9)


@pytest.mark.parametrize("edge", [0.2, 0.7])
def test_a_vector_that_turns_round_jumps(edge):
    """Along the vector a norm changes nothing until the vector turns round.

    Without curvature the first step is half of all that is followed.
    """
    state = random_state(2)
    turned = make_state(
        state.readout.W_U,
        edge * torch.eye(6, dtype=torch.float64)[0],
        above=lambda x: x / x.norm(dim=-1, keepdim=True),
    )
    found = ray(turned, np.eye(6)[0]).find(np.array([0.01]))
    assert found.kinds[:, 0].tolist() == ["jump", "not reached"]
    assert found.distances[0, 0] == pytest.approx(edge, rel=ACCURACY)


# --- how far lines are followed -------------------------------------------------------------------


def late(where: float, slope: float, reach: float = 20.0) -> State:
    """`f = slope·t` with a steep rise by two at one distance."""
    return coin(lambda x: slope * x + (400 * (x / where - 1)).sigmoid() * 2, reach)


@pytest.mark.parametrize("share", [0.5, 0.85, 0.99])
@pytest.mark.parametrize("slope", np.geomspace(0.006, 0.026, 9))
def test_what_happens_before_five_norms_is_seen(share, slope):
    """Wherever eight steps end: the slopes make the first of them differ by a factor of 1.2⁸."""
    where = share * 20.0
    plus = along(late(where, slope)).boundary(0.5)[1]
    assert plus == pytest.approx(where, rel=0.01)


@pytest.mark.parametrize("slope", np.geomspace(0.006, 0.026, 5))
def test_what_happens_behind_five_norms_is_not(slope):
    assert along(late(1.02 * 20, slope)).boundary(0.5)[1] is None
    assert along(late(3 * 20, slope)).boundary(0.5)[1] is None


def test_a_line_is_followed_to_five_norms_of_the_states_own_vector():
    state = nonlinear_state()
    lines = Lines(state, torch.eye(8, 2, dtype=torch.float64), np.ones(2))
    assert lines.limit == pytest.approx(5 * float(state.vector.norm()), rel=1e-15)


# --- where logits are linear ----------------------------------------------------------------------


STRAIGHT = {
    "open": random_state(0, bias=True, scale=0.7, gain=2.0),
    "confident": random_state(1, gain=5.0),
    "nearly certain": nearly_one_hot(0, gap=10.0),
}


@pytest.fixture(params=STRAIGHT)
def pair(request):
    """The same ray, once by the distribution of the slope and once evaluated."""
    state = STRAIGHT[request.param]
    if not state.norm:  # the truth is the same from another origin with the same logits
        origin = torch.full((6,), 8.0, dtype=torch.float64)
        bias = state.readout.bias - state.readout.W_U @ origin
        state = make_state(state.readout.W_U, origin, bias)
    v = random_direction(state)
    return ray(state, v), ray(with_identity(state), v)


def test_where_logits_are_linear_both_truths_agree(pair):
    linear, nonlinear = pair
    assert isinstance(nonlinear.truth, NumericalLine)
    assert nonlinear.curvature == pytest.approx(linear.curvature, rel=1e-12)
    t = np.linspace(-3, 3, 13)
    # the merged distribution's tolerance
    np.testing.assert_allclose(nonlinear.kl(t), linear.kl(t), rtol=2e-5, atol=1e-13)
    np.testing.assert_allclose(nonlinear.probabilities(t), linear.probabilities(t), rtol=1e-4)
    levels = LEVELS[1:]
    expected = linear.boundaries(levels)
    expected[expected > REACH * nonlinear.state.norm] = np.inf
    assert np.isfinite(expected).sum() >= 8
    np.testing.assert_allclose(nonlinear.boundaries(levels), expected, rtol=ACCURACY)


def test_where_logits_are_linear_flips_are_those_of_the_envelope(pair):
    linear, nonlinear = pair
    total = 0
    for every, flips in zip(linear.flips(limit=30), nonlinear.flips(limit=30), strict=True):
        expected = [flip for flip in every if flip.distance < REACH * nonlinear.state.norm]
        assert [flip.id for flip in flips] == [flip.id for flip in expected]
        distances = [flip.distance for flip in expected]
        # leads are straight lines: all that is left is rounding
        assert [flip.distance for flip in flips] == pytest.approx(distances, rel=1e-9)
        assert [flip.text for flip in flips] == [flip.text for flip in expected]
        total += len(flips)
    assert total >= 2


# --- flips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_tokens_on_a_circle_win_in_turn(limit):
    """Of three tokens the first holds to π/3, and each after it for 2π/3: five times within ten."""
    minus, plus = ray(circle(3, reach=10.0), np.array([1.0, 0])).flips(limit)
    expected = [math.pi * (1 + 2 * i) / 3 for i in range(5)][:limit]
    for side, turn in ((minus, -1), (plus, 1)):
        assert [flip.id for flip in side] == [turn * (i + 1) % 3 for i in range(len(expected))]
        assert [flip.distance for flip in side] == pytest.approx(expected, rel=1e-5)
        assert [flip.text for flip in side] == [f"<{flip.id}>" for flip in side]


@pytest.mark.parametrize("reach", [3.0, 3.3])
def test_a_flip_behind_five_norms_is_not_returned(reach):
    """The second flip of three on a circle is at π."""
    for side in ray(circle(3, reach), np.array([1.0, 0])).flips():
        assert len(side) == (1 if reach < math.pi else 2)


@pytest.mark.parametrize("seed", range(8))
def test_flips_of_a_network_are_where_bisection_finds_them(seed):
    state = nonlinear_state(seed, gain=2.0)
    v = random_direction(state, seed)
    for sign, side in zip([-1, 1], ray(state, v).flips(limit=50), strict=True):
        expected = lasting(changes(state, sign * v, REACH * state.norm), state.argmax)
        assert [flip.id for flip in side] == [token for _, token in expected]
        distances = [distance for distance, _ in expected]
        assert [flip.distance for flip in side] == pytest.approx(distances, rel=ACCURACY)


def test_capping_changes_no_flip():
    plain, capped = (random_state(4, gain=3.0, softcap=c) for c in (None, 2.0))
    v = random_direction(plain)
    for every, flips in zip(ray(plain, v).flips(20), ray(capped, v).flips(20), strict=True):
        expected = [flip for flip in every if flip.distance < REACH * plain.norm]
        assert [flip.id for flip in flips] == [flip.id for flip in expected]
        distances = [flip.distance for flip in expected]
        assert [flip.distance for flip in flips] == pytest.approx(distances, rel=1e-9)


# --- the trust range ------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", [0.02, 0.1])
@pytest.mark.parametrize("f", [torch.sin, torch.tanh, torch.sinh], ids=lambda f: f.__name__)
def test_the_trust_range_is_where_the_quadratic_is_off_by_the_tolerance(f, tolerance):
    def excess(t):
        kl = np.log(np.cosh(float(f(torch.tensor(t, dtype=torch.float64)))))
        return abs(0.5 * t**2 / kl - 1) - tolerance

    expected = brentq(excess, 0.01, 1.5)
    # off the quadratic by a multiple of t², which is taken for straight within a step of 20 %
    assert along(coin(f)).trust_range(tolerance) == pytest.approx((expected, expected), rel=0.02)


def test_a_line_that_ends_within_its_trust_range_has_none():
    assert along(coin(torch.tanh, reach=0.05)).trust_range() == (None, None)


def test_a_direction_along_which_a_norm_changes_nothing_warns_of_nothing():
    """The curvature is what rounding leaves of zero, and so is the divergence."""
    rows = random_state(2).readout.W_U
    for seed in range(5):
        vector = torch.from_numpy(np.random.default_rng(seed).standard_normal(6))
        state = make_state(rows, vector, above=lambda x: x / x.norm(dim=-1, keepdim=True))
        line = ray(state, vector)
        assert line.curvature < 1e-20
        assert line.boundary(0.01)[1] is None
        assert line.flips()[1] == []
        line.trust_range()


# --- several lines --------------------------------------------------------------------------------


def test_lines_followed_together_cross_where_each_does_alone():
    state = nonlinear_state(5, gain=2.0)
    directions = torch.linalg.qr(torch.from_numpy(np.random.default_rng(0).normal(size=(8, 5)))).Q
    rays = [ray(state, v) for v in directions.T]
    curvatures = np.array([line.curvature for line in rays])
    levels = np.array([1e-3, 0.1, 1.0, 50.0])
    crossings = Lines(state, directions, curvatures).crossings(levels).distances
    assert crossings.shape == (5, 4)
    assert np.isinf(crossings[:, 3]).any()
    expected = np.array([line.boundaries(levels)[1] for line in rays])
    np.testing.assert_allclose(crossings, expected, rtol=ACCURACY)


def test_points_of_different_lines_are_evaluated_each_on_its_own():
    state = nonlinear_state(5)
    lines = Lines(state, torch.eye(8, 3, dtype=torch.float64), np.ones(3))
    which, t = np.array([2, 0, 1, 2]), np.array([0.5, 1.0, 0.1, 2.0])
    deltas = t[:, None] * np.eye(8)[which]
    np.testing.assert_allclose(lines.at(which, t).kl, true_kl(state, deltas), rtol=1e-11)


# --- economy --------------------------------------------------------------------------------------


def counted(state: State) -> tuple[State, list[int]]:
    """A state that writes down how many vectors are sent through the network above it."""
    calls: list[int] = []

    def above(x: Tensor) -> Tensor:
        calls.append(len(x))
        return state.above(x)

    return replace(state, above=Function(above)), calls


def test_what_was_evaluated_is_kept():
    state, calls = counted(nonlinear_state())
    line = ray(state, random_direction(state))
    t = np.linspace(-1, 1, 9)
    line.kl(t)
    before = len(calls)
    line.kl(t.copy())
    line.probabilities(t, np.array([0, 1]))
    assert len(calls) == before
    line.boundaries(np.array([0.1, 1.0]))
    sampled = sum(calls)
    line.flips()
    line.trust_range()
    line.boundaries(np.array([0.01]))
    line.boundary(0.3)
    # one pass of samples serves all of them; what is sharpened takes 2·7 points a boundary or flip,
    # of which a side has eight at most
    assert sum(calls) - sampled <= ROUNDS * (PARTS - 1) * (2 * 8 + 4) + 2 * 2 * 8


def test_a_line_that_has_crossed_is_not_followed_further():
    state, calls = counted(coin(lambda x: x.sin() * 3))
    directions = torch.eye(2, dtype=torch.float64)[:, [0, 0]]
    lines = Lines(state, directions, np.array([9.0, 9.0]))
    samples = lines.sample(1e-4, 0.01)
    t, kl = samples.t, samples.kl
    # from KL = 1e-4/4 to 0.01 are nearly three powers of ten in KL: 16 steps of 1.2² each, or 24
    assert t.shape == (2, 1 + 24)
    assert (kl.max(axis=1) >= 0.01).all()
    assert max(calls) <= 2 * 8


# --- odd input ------------------------------------------------------------------------------------


def test_points_may_come_in_single_precision():
    line = along(late(10.0, 0.02))
    t = np.array([1.0, 2.0])
    np.testing.assert_array_equal(line.truth.kl(t.astype(np.float32)), line.kl(t))
    np.testing.assert_array_equal(line.probabilities(t.astype(np.float32)), line.probabilities(t))


def test_a_network_is_not_run_on_nothing():
    """A line without a flip has nothing to sharpen."""

    def picky(x):
        assert len(x)
        return x.tanh() * 1e-3

    state = make_state(
        np.array([[0.5, 1.0], [0.0, 0.0]]), np.array([1.0, 1.0]), above=Function(picky)
    )
    assert ray(state, np.array([1.0, 0.0])).flips() == ([], [])
