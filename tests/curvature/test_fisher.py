"""H at any site: closed forms, autograd, and sums that cannot cancel."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import (
    binary_state,
    divergence_hessian,
    make_state,
    nearly_one_hot,
    nonlinear_state,
    perturbed_logits,
    properties,
    random_direction,
    random_state,
    uniform_state,
    with_logits,
)
from torch import Tensor

from stability.curvature import fisher, row_spread
from stability.errors import StabilityError
from stability.prediction.state import State

VARIANTS = {
    "plain": {},
    "confident": {"gain": 6.0},
    "bias": {"bias": True},
    "scale": {"scale": 0.25},
    "bias and scale": {"bias": True, "scale": 3.0},
}
every_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
NONLINEAR = {
    "capped": random_state(gain=3.0, softcap=2.0),
    "capped, bias and scale": random_state(bias=True, scale=3.0, softcap=5.0),
    "below a layer": nonlinear_state(),
    "below a layer, confident": nonlinear_state(1, gain=6.0),
    "below a layer, wider": nonlinear_state(d=4, D=9),
    "below a layer, capped and scaled": nonlinear_state(scale=0.5, softcap=1.0),
}
every_nonlinear_state = pytest.mark.parametrize("state", NONLINEAR.values(), ids=NONLINEAR)
EXACT = {"rtol": 1e-11, "atol": 1e-13}  # float64 sums over 40 tokens, autograd's own included


def fused(state: State, directions: Tensor) -> Tensor:
    """The product of one state by the path that serves several at once."""
    return fisher.hvp_batched([state], directions[None], row_spread.mean_offset(state)[None])[0]


both_products = pytest.mark.parametrize("product", [fisher.hvp, fused], ids=["any", "fused"])


def pairwise(state: State) -> Tensor:
    """`½ Σ_ij p_i p_j (w_i − w_j)(w_i − w_j)ᵀ`: the covariance as a sum that never cancels."""
    rows, p = state.readout.scale * state.readout.W_U.double(), state.probs
    gaps = rows[:, None] - rows
    return 0.5 * torch.einsum("i,j,ijd,ije->de", p, p, gaps, gaps)


def score_covariance(state: State) -> Tensor:
    """`E[∇log p ∇log pᵀ]`, the definition of the Fisher information, by autograd."""
    zero = torch.zeros(state.width, dtype=torch.float64)
    scores = torch.func.jacrev(lambda delta: perturbed_logits(state, delta).log_softmax(0))(zero)
    return scores.T @ (state.probs[:, None] * scores)


def loss_hessian(state: State) -> Tensor:
    """The Hessian of the next-token loss, expected over the model's own distribution."""

    def loss(delta: Tensor) -> Tensor:
        logits = perturbed_logits(state, delta).expand(state.readout.vocab_size, -1)
        every_token = torch.arange(state.readout.vocab_size)
        losses = torch.nn.functional.cross_entropy(logits, every_token, reduction="none")
        return state.probs @ losses

    return torch.func.hessian(loss)(torch.zeros(state.width, dtype=torch.float64))


@pytest.mark.parametrize(
    "oracle",
    [pairwise, score_covariance, divergence_hessian, loss_hessian],
    ids=lambda f: f.__name__,
)
@every_variant
def test_the_matrix_is_what_each_definition_says(options, oracle):
    state = random_state(**options)
    torch.testing.assert_close(fisher.dense(state), oracle(state), **EXACT)


@pytest.mark.parametrize(
    "oracle", [score_covariance, divergence_hessian, loss_hessian], ids=lambda f: f.__name__
)
@every_nonlinear_state
def test_where_logits_are_nonlinear_the_matrix_is_what_each_definition_says(state, oracle):
    torch.testing.assert_close(fisher.dense(state), oracle(state), **EXACT)


@every_nonlinear_state
def test_where_logits_are_nonlinear_a_product_is_the_matrix_times_the_directions(state):
    V = torch.randn(state.width, 3, generator=torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(fisher.hvp(state, V), divergence_hessian(state) @ V, **EXACT)


@both_products
@pytest.mark.parametrize("p", [0.5, 0.3, 1e-3, 1e-8])
@pytest.mark.parametrize("gap", [2.0, -0.1])
def test_two_tokens_give_the_variance_of_a_coin(p, gap, product):
    state, expected = binary_state(p, gap), p * (1 - p) * gap**2
    assert float(fisher.dense(state)) == pytest.approx(expected, rel=1e-12)
    assert row_spread.row_spread(state).trace == pytest.approx(expected, rel=1e-12)
    identity = torch.ones(1, 1, dtype=torch.float64)
    assert float(product(state, identity)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("V", [2, 5, 50])
def test_equal_probabilities_over_orthonormal_rows_give_a_multiple_of_the_centring_matrix(V):
    state = uniform_state(V)
    expected = (torch.eye(V, dtype=torch.float64) - 1 / V) / V
    torch.testing.assert_close(fisher.dense(state), expected, **EXACT)
    spread = row_spread.row_spread(state)
    assert spread.trace == pytest.approx((V - 1) / V, rel=1e-12)
    assert spread.reach == pytest.approx(math.sqrt(1 - 1 / V), rel=1e-12)
    # Σ p²‖w − μ‖² = V·V⁻²·(1 − 1/V)
    assert spread.token_constraint_bound() == pytest.approx(V / math.sqrt(V - 1), rel=1e-12)


@both_products
def test_adding_one_vector_to_every_row_changes_nothing(product):
    # whole numbers over 64: neither the rows nor the moved rows are rounded in float32
    draw = torch.Generator().manual_seed(0)
    W_U = torch.randint(-128, 128, (50, 6), generator=draw) / 64
    logits = torch.randn(50, generator=draw)
    state, shifted_state = (
        with_logits(rows, logits) for rows in (W_U, W_U + torch.arange(-3.0, 3.0))
    )
    H, V = fisher.dense(state), torch.eye(6)
    # the centre is a float32 sum and enters squared: (1e-6)²
    torch.testing.assert_close(fisher.dense(shifted_state), H, rtol=1e-10, atol=1e-11)
    # float32 sums of 50 terms of size ‖w + c‖² ≤ 30, each rounded to 6e-8
    torch.testing.assert_close(product(shifted_state, V), H, rtol=0, atol=1e-5)
    for original, shifted in zip(quantities(state), quantities(shifted_state), strict=True):
        assert original == pytest.approx(shifted, rel=1e-5)


def quantities(state: State) -> tuple[float, float, float]:
    spread = row_spread.row_spread(state)
    return spread.trace, spread.reach, spread.token_constraint_bound()


@both_products
@every_variant
def test_a_product_is_the_matrix_times_the_directions(options, product):
    state = random_state(V=300, d=20, **options)
    directions = torch.randn(20, 5, generator=torch.Generator().manual_seed(1)).double()
    expected = fisher.dense(state) @ directions
    torch.testing.assert_close(product(state, directions), expected, **EXACT)


@both_products
@every_variant
def test_a_product_in_float32_has_the_accuracy_of_float32(options, product):
    state = random_state(V=300, d=20, dtype=torch.float32, **options)
    directions = torch.eye(20, dtype=torch.float64)
    error = product(state, directions) - pairwise(state)
    # each entry sums 300 roundings of 6e-8, which mostly cancel
    assert float(error.norm() / pairwise(state).norm()) < 2e-6


def test_products_of_several_states_are_those_of_each_for_its_own_directions():
    W_U = random_state(V=5000, d=20).readout.W_U  # several chunks of rows, the last one short
    draw = torch.Generator().manual_seed(2)
    vectors = torch.randn(3, 20, generator=draw, dtype=torch.float64)
    blocks = torch.randn(3, 20, 4, generator=draw, dtype=torch.float64)
    states = [make_state(W_U, vector) for vector in vectors]
    images = fisher.hvp_batched(states, blocks, row_spread.mean_offsets(states))
    for state, block, image in zip(states, blocks, images, strict=True):
        torch.testing.assert_close(image, fisher.dense(state) @ block, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("softcap", [0.5, 5.0, 30.0])
def test_products_and_traces_of_a_capped_readout_are_those_of_the_autograd_hessian(softcap):
    """Caps that hold most logits, some, or hardly any: their standard deviations are 1, 3 and 9."""
    first = random_state(V=5000, bias=True, scale=0.7, softcap=softcap)  # several chunks of rows
    states = [replace(first, vector=gain * first.vector / 0.7) for gain in (1, 3, 9)]
    spreads = row_spread.row_spreads(states)
    blocks = torch.eye(6, dtype=torch.float64).expand(3, 6, 6)
    images = fisher.hvp_batched(states, blocks, torch.stack([each.offset for each in spreads]))
    for state, spread, image in zip(states, spreads, images, strict=True):
        H = divergence_hessian(state)
        # float64 sums over 5000 tokens, autograd's own included
        close = {"rtol": 1e-10, "atol": 1e-12 * float(H.trace())}
        torch.testing.assert_close(image, H, **close)
        assert spread.trace == pytest.approx(float(H.trace()), rel=1e-10)
        rows = row_spread.weighted_rows(state, torch.arange(5000), state.probs, spread.offset)
        torch.testing.assert_close(rows.T @ rows, H, **close)


SKETCHED = {"linear": random_state(), "below a layer": NONLINEAR["below a layer"]}


@pytest.mark.parametrize("state", SKETCHED.values(), ids=SKETCHED)
def test_sketches_are_random_vectors_with_the_covariance_of_the_matrix(state):
    n, H = 20_000, fisher.dense(state)
    columns = fisher.sketch(state, n, seed=0)
    # a normal vector's entries of c cᵀ have the variance H_ii H_jj + H_ij²
    error = ((H.diagonal() * H.diagonal()[:, None] + H**2) / n).sqrt()
    assert ((columns @ columns.T / n - H).abs() < 5 * error).all()
    assert torch.equal(fisher.sketch(state, n, seed=0), columns)
    assert not torch.equal(fisher.sketch(state, n, seed=1), columns)


@every_variant
def test_centred_slopes_have_the_mean_zero_and_the_variance_of_the_curvature(options):
    state = random_state(**options)
    v = torch.from_numpy(random_direction(state))
    slopes = fisher.centred_slopes(state, v[:, None])[:, 0]
    assert float(state.probs @ slopes) == pytest.approx(0, abs=1e-13)
    curvature = float(v @ divergence_hessian(state) @ v)
    assert float(state.probs @ slopes**2) == pytest.approx(curvature, rel=1e-11)


@every_nonlinear_state
def test_where_logits_are_nonlinear_centred_slopes_are_the_derivative_of_the_logits(state):
    zero = torch.zeros(state.width, dtype=torch.float64)
    J = torch.func.jacrev(lambda delta: perturbed_logits(state, delta))(zero)
    torch.testing.assert_close(
        fisher.centred_slopes(state, torch.eye(state.width)), J - state.probs @ J, **EXACT
    )


@every_variant
def test_the_spread_is_the_distance_of_every_row_from_their_mean(options):
    state = random_state(**options)
    rows = state.readout.scale * state.readout.W_U
    distances = (rows - state.probs @ rows).norm(dim=1)
    spread = row_spread.row_spread(state)
    # the root of a square that lost up to 1e-15·‖w‖²
    torch.testing.assert_close(spread.distances, distances, rtol=1e-10, atol=1e-10)
    assert spread.reach == pytest.approx(float(distances.max()), rel=1e-11)
    assert spread.trace == pytest.approx(float(divergence_hessian(state).trace()), rel=1e-11)


@every_variant
def test_the_token_constraint_bound_is_that_of_the_whole_jacobian(options):
    state = random_state(**options)
    probs_at = lambda delta: perturbed_logits(state, delta).softmax(0)  # noqa: E731
    jacobian = torch.func.jacrev(probs_at)(torch.zeros(6, dtype=torch.float64))
    bound = row_spread.row_spread(state).token_constraint_bound(0.5)
    assert bound == pytest.approx(0.5 / float(jacobian.norm()), rel=1e-11)


@properties(50)
@given(st.integers(0, 10_000), st.floats(0, 8))
def test_no_small_perturbation_moves_the_probabilities_beyond_the_token_constraint_bound(
    seed, gain
):
    state = random_state(seed, gain=gain)
    bound = row_spread.row_spread(state).token_constraint_bound()
    step = min(
        1e-4 * bound, 1e-3
    )  # where the prediction is certain the bound itself is no small step
    delta = step * torch.from_numpy(random_direction(state, seed))
    moved = (perturbed_logits(state, delta).softmax(0) - state.probs).norm()
    # the bound is of first order: the second is smaller by about the step times the rows' size
    assert float(moved) <= step / bound * (1 + 10 * step)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("gap", [5.0, 18.4, 27.6], ids=["1e-2", "1e-8", "1e-12"])
def test_nearly_certain_predictions_keep_their_digits(gap, dtype):
    certain = nearly_one_hot(gap=gap + math.log(20))
    state = with_logits(certain.readout.W_U.to(dtype), certain.logits)
    assert 0.2 < float(1 - state.probs[0]) * math.exp(gap) < 5
    H = pairwise(state)
    # float32 products of 6 terms at 6e-8, and nothing that cancels; the matrix is float64
    close = {"rtol": 1e-5, "atol": 1e-6 * float(H.norm())}
    torch.testing.assert_close(fisher.dense(state), H, rtol=1e-6, atol=1e-8 * float(H.norm()))
    directions = torch.eye(6, dtype=torch.float64)
    for product in (fisher.hvp, fused):
        torch.testing.assert_close(product(state, directions), H, **close)
    spread, rows = row_spread.row_spread(state), state.readout.W_U.double()
    offset = (state.probs[1:, None] * (rows[1:] - rows[0])).sum(dim=0)
    assert float(spread.distances[0]) == pytest.approx(float(offset.norm()), rel=1e-5)
    assert spread.trace == pytest.approx(float(H.trace()), rel=1e-5)
    distances = torch.cat([offset.norm()[None], (rows[1:] - rows[0] - offset).norm(dim=1)])
    bound = 1 / float((state.probs * distances).norm())
    assert spread.token_constraint_bound() == pytest.approx(bound, rel=1e-5)


def test_the_trace_of_the_head_is_the_tokens_part_of_the_whole():
    state = random_state()
    spread, head = row_spread.row_spread(state), torch.tensor([3, 0, 17])
    rows = row_spread.weighted_rows(state, head, state.probs[head], spread.offset)
    parts = state.probs * spread.distances**2
    assert float(rows.square().sum()) == pytest.approx(float(parts[head].sum()), rel=1e-12)
    assert spread.trace == pytest.approx(float(parts.sum()), rel=1e-12)


def test_spreads_of_several_states_are_those_of_each():
    state = random_state()
    states = [state, replace(state, vector=2 * state.vector)]
    for state, together in zip(states, row_spread.row_spreads(states), strict=True):
        alone = row_spread.row_spread(state)
        torch.testing.assert_close(together.distances, alone.distances, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(together.offset, alone.offset, rtol=1e-12, atol=1e-12)


@properties(50)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 12), st.floats(0, 10))
def test_the_matrix_is_positive_semi_definite_of_rank_below_the_vocabulary(seed, V, d, gain):
    state = random_state(seed, V + 1, d, gain)
    eigenvalues = torch.linalg.eigvalsh(fisher.dense(state))
    rounding = 1e-13 * float(eigenvalues.abs().max())
    assert float(eigenvalues.min()) >= -rounding
    assert int((eigenvalues > rounding).sum()) <= min(d, V)


@pytest.mark.parametrize("state", [nonlinear_state(), nonlinear_state(softcap=30.0)])
@pytest.mark.parametrize(
    "quantity",
    [
        row_spread.row_spread,
        lambda state: row_spread.row_spreads([random_state(), state]),
        lambda state: fisher.hvp_batched([state], torch.zeros(1, 8, 1), torch.zeros(1, 8)),
    ],
    ids=["one", "several", "fused product"],
)
def test_spreads_and_fused_products_need_states_at_the_readout(quantity, state):
    said = "linear in the state, but for .* tiny at 'block:0': capture it at 'prelogit'"
    with pytest.raises(StabilityError, match=said):
        quantity(state)


@pytest.mark.parametrize(
    "quantity", [lambda spread: spread.reach, lambda spread: spread.token_constraint_bound()]
)
def test_the_distances_of_a_spread_need_logits_without_capping(quantity):
    state = random_state(softcap=30.0)
    for spread in (row_spread.row_spread(state), *row_spread.row_spreads([state, state])):
        with pytest.raises(
            StabilityError, match=r"linear .* soft-capped at 30: use a model without"
        ):
            quantity(spread)


@pytest.mark.parametrize("epsilon", [1e-3, 0.5])
def test_the_quadratic_reaches_epsilon_at_the_radius(epsilon):
    radius = fisher.radius(0.37, epsilon)
    assert 0.5 * 0.37 * radius**2 == pytest.approx(epsilon, rel=1e-14)


def test_a_flat_direction_has_no_radius():
    assert fisher.radius(0.0, 0.01) is None


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan])
def test_a_radius_needs_positive_nats(epsilon):
    with pytest.raises(StabilityError, match="positive number of nats"):
        fisher.radius(1.0, epsilon)
