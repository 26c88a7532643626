"""The leading eigenpairs of H, against dense float64 and an independent Lanczos."""

import math

import pytest
import torch
from hessian_eigenthings import HessianOperator, LambdaOperator, lanczos
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
    random_state,
    uniform_state,
    with_logits,
)
from torch import Tensor

import stability.curvature.spectrum
from stability.curvature import fisher, head
from stability.curvature.effective_rank import effective_rank_bounds
from stability.curvature.spectrum import MOST_PASSES, TOLERANCE, low_rank_factor, spectrum
from stability.curvature.subspace import eigenvalue_upper_bounds
from stability.errors import StabilityError
from stability.prediction.state import State

K = 16
GAINS = [0.3, 1.0, 3.0, 8.0]  # standard deviation of the logits: nearly uniform to nearly certain


def covariance(state: State) -> Tensor:
    """`Σ p_i (w_i − μ)(w_i − μ)ᵀ` from the definition, all in float64."""
    zero = torch.zeros(state.readout.width, dtype=torch.float64)
    p = perturbed_logits(state, zero).softmax(0)
    rows = state.readout.scale * state.readout.W_U.double()
    rows = rows - p @ rows
    return rows.T @ (p[:, None] * rows)


def language_like(
    gain: float,
    dtype: torch.dtype = torch.float32,
    scale: float = 1.0,
    softcap: float | None = None,
) -> State:
    """4,000 tokens in 256 dimensions whose variances fall off, as those of an unembedding do."""
    V, d = 4000, 256
    draw = torch.Generator().manual_seed(0)
    W_U = torch.randn(V, d, generator=draw, dtype=torch.float64)
    W_U *= torch.arange(1, d + 1).double() ** -0.5
    vector = torch.randn(d, generator=draw, dtype=torch.float64)
    vector *= gain / (scale * W_U @ vector).std()
    return make_state(W_U.to(dtype), vector.to(dtype), scale=scale, softcap=softcap)


@pytest.fixture(scope="module", params=GAINS)
def case(request):
    """A state, its spectrum by subspace iteration, and the exact one."""
    state = language_like(request.param)
    values, vectors = torch.linalg.eigh(covariance(state))
    return state, spectrum(state, K), values.flip(0), vectors.flip(1)


def test_these_cases_take_the_subspace_path(monkeypatch):
    monkeypatch.setattr(fisher, "dense", None)
    assert spectrum(language_like(1.0), K).eigenvalues.shape == (K,)


def test_the_subspace_path_agrees_with_the_dense_matrix(case):
    _, pairs, values, _ = case
    error = (pairs.eigenvalues - values[:K]).abs() / values[:K]
    assert float(error[:8].max()) < 1e-4
    assert float(error.max()) < 5e-4


def test_the_bounds_enclose_the_true_eigenvalues(case):
    _, pairs, values, _ = case
    rounding = 1 + 1e-5  # logits of up to 40 and products with W_U, in float32
    assert (pairs.upper * rounding >= values[:K]).all()
    assert (values[:K] * rounding >= pairs.eigenvalues).all()
    assert (pairs.upper >= pairs.eigenvalues).all()
    assert float(pairs.upper[0]) < 1.05 * float(values[0])  # or the bound would be of no use


def test_the_residuals_are_those_of_the_eigenpairs(case):
    state, pairs, _, _ = case
    H = covariance(state)
    residuals = (H @ pairs.vectors - pairs.vectors * pairs.eigenvalues).norm(dim=0)
    largest = float(pairs.eigenvalues[0])
    torch.testing.assert_close(pairs.residuals, residuals, rtol=0.01, atol=2e-6 * largest)


def test_the_vectors_are_orthonormal_and_descend(case):
    _, pairs, _, _ = case
    gram = pairs.vectors.T @ pairs.vectors
    torch.testing.assert_close(gram, torch.eye(K, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (pairs.eigenvalues.diff() <= 0).all()


def test_the_largest_component_of_every_vector_is_positive(case):
    _, pairs, _, _ = case
    largest = pairs.vectors.abs().argmax(dim=0)
    assert (pairs.vectors[largest, torch.arange(K)] > 0).all()


def test_the_first_vector_is_the_true_one(case):
    _, pairs, values, vectors = case
    gap = float((values[0] - values[1]) / values[0])
    cosine = float((pairs.vectors[:, 0] @ vectors[:, 0]).abs())
    # sin θ ≤ ‖r‖/gap, and the residual is what the tolerance of 1e-4 leaves
    assert 1 - cosine < 1e-4 / gap


def test_the_share_is_that_of_the_trace_of_the_whole_matrix(case):
    _, pairs, values, _ = case
    assert pairs.trace == pytest.approx(float(values.sum()), rel=1e-5)
    torch.testing.assert_close(pairs.share, values[:K] / values.sum(), rtol=6e-4, atol=0)


def test_a_tighter_tolerance_gives_smaller_errors():
    state = language_like(1.0, torch.float64)
    values = torch.linalg.eigvalsh(covariance(state)).flip(0)[:K]
    loose, tight = (
        float(((values - spectrum(state, K, t).eigenvalues) / values).max()) for t in (0.3, 1e-8)
    )
    assert tight < 1e-7
    assert tight < loose


def test_the_scale_of_the_logits_enters_squared():
    # the same logits, hence the same p, from half the scale and twice the rows
    plain = language_like(1.0, torch.float64)
    half = make_state(2 * plain.readout.W_U, plain.vector, scale=0.25)
    expected = make_state(plain.readout.W_U, plain.vector / 2)
    torch.testing.assert_close(half.probs, expected.probs)
    torch.testing.assert_close(
        spectrum(half, K).eigenvalues, spectrum(expected, K).eigenvalues / 4, rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_an_independent_lanczos_finds_the_same_eigenvalues(gain):
    state = language_like(gain, torch.float64)
    rows, p = state.readout.W_U, state.probs

    def apply(v: Tensor) -> Tensor:
        slopes = rows @ v
        return rows.T @ (p * slopes) - (rows.T @ p) * (p @ slopes)

    operator = LambdaOperator(apply, state.readout.width, dtype=torch.float64)
    result = lanczos(operator, k=8, max_iter=120, tol=1e-8, reorthogonalize=True, seed=0)
    expected = result.eigenvalues.sort(descending=True).values
    torch.testing.assert_close(spectrum(state, 8).eigenvalues, expected, rtol=1e-4, atol=0)


class Push(torch.nn.Module):
    """The next-token logits as a function of one parameter, the perturbation of the state."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.delta = torch.nn.Parameter(torch.zeros(state.readout.width, dtype=torch.float64))

    def forward(self) -> Tensor:
        return perturbed_logits(self.state, self.delta)


def test_another_librarys_hessian_of_the_expected_loss_has_the_same_eigenvalues():
    state = language_like(1.0, torch.float64)
    probs = perturbed_logits(state, torch.zeros(256, dtype=torch.float64)).softmax(0)

    def expected_loss(model: Push, batch: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(model()[None], batch)

    operator = HessianOperator(Push(state), [probs[None]], expected_loss)
    result = lanczos(operator, k=K, max_iter=120, tol=1e-8, reorthogonalize=True, seed=0)
    eigenvalues = spectrum(state, K).eigenvalues
    # the tolerance of the passes; Lanczos has converged to 1e-8
    assert result.converged.all()
    torch.testing.assert_close(eigenvalues, result.eigenvalues, rtol=5e-4, atol=0)
    torch.testing.assert_close(eigenvalues[:8], result.eigenvalues[:8], rtol=1e-4, atol=0)


@properties(25)
@given(st.integers(0, 10_000), st.floats(0.1, 12), st.floats(0, 1.5), st.integers(1, 4))
def test_bounds_and_ritz_values_enclose_the_truth_for_any_state(seed, gain, decay, k):
    """From flat spectra to steep ones; the fewer pairs are asked for, the rougher the passes."""
    V, d = 1500, 100
    draw = torch.Generator().manual_seed(seed)
    W_U = torch.randn(V, d, generator=draw, dtype=torch.float64)
    W_U *= torch.arange(1, d + 1).double() ** -decay
    y = torch.randn(d, generator=draw, dtype=torch.float64)
    state = make_state(W_U, y * gain / (W_U @ y).std())
    pairs, truth = spectrum(state, k), torch.linalg.eigvalsh(covariance(state)).flip(0)[:k]
    rounding = 1e-12 * float(truth[0])  # eigh and the passes, both in float64
    assert (pairs.eigenvalues <= truth + rounding).all()
    assert (truth <= pairs.upper + rounding).all()


@pytest.mark.parametrize(("ritz", "residual", "rest"), [(3.0, 1.0, 2.0), (1.0, 0.1, 5.0)])
def test_the_bound_from_one_pass_is_attained_where_the_rest_is_one_direction(ritz, residual, rest):
    H = torch.tensor([[ritz, residual], [residual, rest]], dtype=torch.float64)
    block = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    remainder = H @ block - block * ritz
    bound = eigenvalue_upper_bounds(H[0, :1], remainder, float(H.trace() - H[0, 0]))
    assert float(bound) == pytest.approx(float(torch.linalg.eigvalsh(H)[-1]), rel=1e-14)


@pytest.mark.parametrize("k", [1, 6])
@pytest.mark.parametrize("gain", [0.5, 6.0])
def test_a_narrow_state_is_diagonalised_whole(k, gain, monkeypatch):
    monkeypatch.setattr(f"{spectrum.__module__}._by_head", None)
    state = random_state(gain=gain)
    pairs, values = spectrum(state, k), torch.linalg.eigvalsh(covariance(state)).flip(0)
    torch.testing.assert_close(pairs.eigenvalues, values[:k], rtol=1e-10, atol=1e-14)
    assert (pairs.upper >= pairs.eigenvalues).all()
    image = covariance(state) @ pairs.vectors
    torch.testing.assert_close(image, pairs.vectors * values[:k], rtol=0, atol=1e-12)
    assert (pairs.vectors.max(dim=0).values >= -pairs.vectors.min(dim=0).values).all()


@properties(30)
@given(st.integers(0, 10_000), st.floats(0, 8), st.booleans())
def test_any_small_state_has_the_eigenvalues_of_the_definition(seed, gain, bias):
    state = random_state(seed, V=30, d=5, gain=gain, bias=bias, scale=0.5)
    zero = torch.zeros(5, dtype=torch.float64)

    def kl(delta: Tensor) -> Tensor:
        return (
            state.probs * (state.log_probs - perturbed_logits(state, delta).log_softmax(0))
        ).sum()

    values = torch.linalg.eigvalsh(torch.func.hessian(kl)(zero)).flip(0)
    torch.testing.assert_close(spectrum(state, 5).eigenvalues, values, rtol=1e-9, atol=1e-12)


def test_a_coin_has_one_eigenvalue_its_variance():
    pairs = spectrum(binary_state(0.3, 2.0), 1)
    assert float(pairs.eigenvalues) == pytest.approx(0.3 * 0.7 * 4, rel=1e-12)
    assert float(pairs.vectors) == 1
    assert pairs.effective_rank == pytest.approx(1, abs=1e-12)


def test_equal_eigenvalues_have_the_effective_rank_of_their_number():
    # H is the centring matrix over V: V − 1 equal eigenvalues, and a zero
    pairs = spectrum(uniform_state(9), 9)
    assert pairs.effective_rank == pytest.approx(8, rel=1e-9)
    assert float(pairs.share.sum()) == pytest.approx(1, rel=1e-9)
    assert float(pairs.eigenvalues[-1]) == pytest.approx(0, abs=1e-15)


def test_the_effective_rank_is_the_exponential_of_the_entropy_of_the_shares():
    state = random_state()
    pairs = spectrum(state, state.width)
    q = pairs.eigenvalues / pairs.eigenvalues.sum()
    expected = math.exp(-sum(x * math.log(x) for x in q.tolist()))
    assert pairs.effective_rank == pytest.approx(expected, rel=1e-12)
    assert 1 < expected < state.width


def test_the_effective_rank_is_bracketed_by_however_few_pairs_are_known_and_means_the_same():
    state = language_like(3.0, torch.float64)
    values = torch.linalg.eigvalsh(fisher.dense(state)).clamp_min(0)
    q = values[values > 0] / values.sum()
    expected = math.exp(-sum(x * math.log(x) for x in q.tolist()))
    brackets = [spectrum(state, k).effective_rank_bounds for k in (1, 4, 16, 64)]
    for low, high in brackets:
        # Ritz values are right to 5e-4 (TOLERANCE), and the rank varies as they do
        assert low <= expected * 1.001
        assert high >= expected * 0.999
    lows, highs = zip(*brackets, strict=True)
    assert [*lows] == sorted(lows)
    assert [*highs] == sorted(highs, reverse=True)
    assert spectrum(state, 16).effective_rank == brackets[2][0]


@properties(60)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_no_spectrum_with_the_known_pairs_and_trace_has_a_rank_outside_the_bounds(seed, k):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(8, generator=generator, dtype=torch.float64).pow(4).sort(descending=True)[0]
    q = values / values.sum()
    rank = float(torch.special.entr(q).sum().exp())
    low, high = effective_rank_bounds(values[:k], float(values.sum()), 8)
    assert low <= rank * (1 + 1e-12)
    assert high >= rank * (1 - 1e-12)
    if k == 8:
        assert low == pytest.approx(high, rel=1e-9)


@pytest.mark.parametrize("gap", [5.0, 20.0, 30.0])
def test_nearly_certain_predictions_keep_their_digits(gap):
    logits = nearly_one_hot(V=4000, d=1, gap=gap).logits
    state = with_logits(language_like(1.0, torch.float64).readout.W_U, logits)
    rows, p = state.readout.W_U - state.readout.W_U[0], state.probs.clone()
    p[0] = 0
    values = torch.linalg.eigvalsh(
        rows.T @ (p[:, None] * rows) - torch.outer(p @ rows, p @ rows)
    ).flip(0)
    torch.testing.assert_close(spectrum(state, K).eigenvalues, values[:K], rtol=5e-4, atol=0)


@pytest.mark.parametrize("d", [6, 250])
def test_a_certain_prediction_is_flat(d):
    state = with_logits(torch.eye(d, dtype=torch.float64), torch.eye(d)[0] * 1e4)
    pairs = spectrum(state, 3)
    assert pairs.trace == pairs.effective_rank == 0
    assert pairs.share.tolist() == [0, 0, 0]
    for zeros in (pairs.eigenvalues, pairs.upper, pairs.residuals):
        assert zeros.tolist() == [0, 0, 0]
    gram = pairs.vectors.T @ pairs.vectors
    torch.testing.assert_close(gram, torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("k", [0, -1, 7])
def test_a_number_of_eigenpairs_out_of_range_is_refused(k):
    with pytest.raises(StabilityError, match=rf"(at least 1|the width 6); received {k}: "):
        spectrum(random_state(), k)


# --- where logits are nonlinear -------------------------------------------------------------------


NONLINEAR = {
    "below a layer": nonlinear_state(V=300, d=160, D=40),
    "below a layer, confident": nonlinear_state(1, V=300, d=160, D=40, gain=4.0),
    "capped": language_like(2.0, torch.float64, softcap=3.0),
    "below a layer, capped": nonlinear_state(2, V=300, d=160, D=40, softcap=1.0),
}


@pytest.fixture(scope="module", params=NONLINEAR)
def nonlinear(request):
    """A state whose logits are nonlinear, its four leading pairs by iteration, and the exact matrix."""
    state = NONLINEAR[request.param]
    with pytest.MonkeyPatch.context() as patch:
        dense = fisher.dense
        # the readout above it is narrow, and diagonalised whole
        small = lambda s: s.is_linear or s.site == "prelogit" != state.site  # noqa: E731
        patch.setattr(fisher, "dense", lambda s: dense(s) if small(s) else pytest.fail("dense"))
        return state, spectrum(state, 4), divergence_hessian(state)


def test_where_logits_are_nonlinear_the_iteration_agrees_with_the_autograd_hessian(nonlinear):
    _, pairs, H = nonlinear
    values = torch.linalg.eigvalsh(H).flip(0)
    # the tolerance of the passes, and Ritz values never exceed the truth
    torch.testing.assert_close(pairs.eigenvalues, values[:4], rtol=1e-4, atol=0)
    assert (pairs.eigenvalues <= values[:4] * (1 + 1e-10)).all()
    residuals = (H @ pairs.vectors - pairs.vectors * pairs.eigenvalues).norm(dim=0)
    torch.testing.assert_close(pairs.residuals, residuals, rtol=1e-6, atol=1e-10)
    gram = pairs.vectors.T @ pairs.vectors
    torch.testing.assert_close(gram, torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-12)
    assert (pairs.vectors.max(dim=0).values >= -pairs.vectors.min(dim=0).values).all()


def test_where_logits_are_nonlinear_the_trace_is_exact_at_the_readout_and_estimated_below(
    nonlinear,
):
    state, pairs, H = nonlinear
    if state.site == "prelogit":
        # float64 sums over the tokens
        assert pairs.trace == pytest.approx(float(H.trace()), rel=1e-11)
        assert pairs.trace_error == 0
        return
    assert 0 < pairs.trace_error < 0.1 * pairs.trace
    # sixteen probes: beyond 4 standard errors once in a thousand draws, and the draw is fixed
    assert abs(pairs.trace - float(H.trace())) < 4 * pairs.trace_error


def test_the_standard_error_of_a_trace_is_that_of_many_estimates(monkeypatch):
    """Other probes give other traces, which scatter as each says of itself."""
    state, sketch, spectra = NONLINEAR["below a layer"], fisher.sketch, []
    for offset in range(24):
        monkeypatch.setattr(
            fisher, "sketch", lambda s, m, seed, shift=offset: sketch(s, m, seed + shift)
        )
        spectra.append(spectrum(state, 4))
    traces = torch.tensor([each.trace for each in spectra], dtype=torch.float64)
    errors = torch.tensor([each.trace_error for each in spectra], dtype=torch.float64)
    # a spread from 24 draws is right to 1/√48 = 14 %, the mean of as many errors to 4 %
    assert 0.5 < float(traces.std() / errors.square().mean().sqrt()) < 1.5
    truth = float(divergence_hessian(state).trace())
    assert abs(float(traces.mean()) - truth) < 4 * float(traces.std()) / 24**0.5


def test_where_logits_are_nonlinear_nothing_is_certified(nonlinear):
    _, pairs, _ = nonlinear
    assert pairs.upper is None
    assert pairs.row_spread is None


@pytest.mark.parametrize(
    "state", [random_state(softcap=2.0), nonlinear_state(), nonlinear_state(d=4, D=9, softcap=1.0)]
)
def test_a_narrow_state_whose_logits_are_nonlinear_is_diagonalised_whole(state, monkeypatch):
    monkeypatch.setattr(f"{spectrum.__module__}._by_factor", None)
    pairs, H = spectrum(state, 3), divergence_hessian(state)
    values = torch.linalg.eigvalsh(H).flip(0)
    torch.testing.assert_close(pairs.eigenvalues, values[:3], rtol=1e-10, atol=1e-13)
    assert pairs.trace == pytest.approx(float(H.trace()), rel=1e-11)
    assert pairs.trace_error == 0
    assert pairs.upper is None
    assert pairs.row_spread is None


capped_or_not = pytest.mark.parametrize("capped", [{}, {"softcap": 1.0}], ids=["plain", "capped"])


@capped_or_not
def test_with_as_many_columns_as_the_readout_is_wide_a_factor_is_exact(capped):
    state = nonlinear_state(d=9, D=5, **capped)
    C = low_rank_factor(state, 8)
    assert C.shape == (9, 5)
    torch.testing.assert_close(C @ C.T, divergence_hessian(state), rtol=1e-10, atol=1e-13)


@capped_or_not
def test_what_a_factor_leaves_out_is_positive_semi_definite(capped):
    state = nonlinear_state(d=9, D=5, **capped)
    C = low_rank_factor(state, 2)
    assert C.shape == (9, 2)
    left = torch.linalg.eigvalsh(divergence_hessian(state) - C @ C.T)
    assert float(left.min()) > -1e-12
    assert float(left.max()) > 0


def test_a_factor_of_a_capped_readout_as_wide_as_it_is_exact():
    state = random_state(softcap=1.0)
    C = low_rank_factor(state, 6)
    torch.testing.assert_close(C @ C.T, divergence_hessian(state), rtol=1e-10, atol=1e-13)


def test_below_the_readout_a_certain_prediction_is_flat():
    below = nonlinear_state(V=30, d=160, D=30, gain=1e4)
    assert float(below.probs.max()) == 1
    pairs = spectrum(below, 3)
    assert pairs.eigenvalues.tolist() == [0, 0, 0]
    assert pairs.trace == pairs.trace_error == pairs.effective_rank == 0
    gram = pairs.vectors.T @ pairs.vectors
    torch.testing.assert_close(gram, torch.eye(3, dtype=torch.float64))


def test_a_spectrum_says_how_often_h_was_applied_and_whether_that_was_enough(monkeypatch):
    open_, certain = language_like(1.0), language_like(8.0)
    assert spectrum(random_state(), 3).passes == 0  # diagonalised whole
    for state in (open_, certain):
        pairs = spectrum(state, K)
        assert pairs.converged
        assert 1 <= pairs.passes < MOST_PASSES
    strict = spectrum(open_, K, tolerance=1e-40)
    # by then the blocks span the space, and nothing is left to be found
    assert strict.converged
    assert float(strict.residuals.max()) < 1e-5 * float(strict.eigenvalues[0])
    monkeypatch.setattr(stability.curvature.spectrum, "MOST_PASSES", 3)
    hurried = spectrum(open_, K, tolerance=1e-40)
    assert (hurried.passes, hurried.converged) == (3, False)


@pytest.mark.parametrize("softcap", [0.5, 2.0, 5.0, 30.0])
def test_a_capped_readout_has_the_eigenvalues_of_its_dense_matrix(softcap, monkeypatch):
    """Flat or sharp, and where the likeliest tokens, whose logits hardly move, make little of `H`."""
    for tokens in (1024, 30):
        monkeypatch.setattr(head, "FEWEST_TOKENS", tokens)
        monkeypatch.setattr(head, "MOST_TOKENS", tokens)
        for gain in (0.5, 3.0, 12.0):
            state = random_state(5, V=400, d=200, gain=gain, softcap=softcap)
            pairs = spectrum(state, 4)
            assert pairs.converged
            expected = torch.linalg.eigvalsh(fisher.dense(state)).flip(0)[:4]
            # passes end by an estimate of the error, the true one may be twice that
            torch.testing.assert_close(pairs.eigenvalues, expected, rtol=2 * TOLERANCE, atol=0)


def test_a_readout_whose_cap_holds_every_logit_is_flat():
    rows = torch.randn(50, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    state = make_state(rows, 1e4 * rows[0], softcap=0.5)
    pairs = spectrum(state, 3)
    assert pairs.eigenvalues.tolist() == [0, 0, 0]
    assert pairs.upper is pairs.row_spread is None
