"""A cloud of perturbations around the stable region's boundary, and its projections."""

import numpy as np
import pytest
from support.states import nonlinear_state, perturbed_logits, random_state, true_kl, with_logits

from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.geometry.cloud import cloud

EPSILON = 0.05


@pytest.fixture(scope="module")
def state():
    return random_state(1, V=60, d=10, gain=2, bias=True)


@pytest.fixture(scope="module")
def leading(state):
    return spectrum(state, k=6)


@pytest.fixture(scope="module")
def sample(state, leading):
    return cloud(state, leading, EPSILON, n=300, k=4, seed=7)


def perturbations(sample, leading):
    return sample.coefficients @ leading.vectors[:, :4].numpy().T


def test_a_cloud_keeps_what_it_was_made_with(sample):
    assert sample.coefficients.shape == (300, 4)
    assert (sample.epsilon, sample.seed) == (EPSILON, 7)


def test_the_same_seed_gives_the_same_cloud_and_another_another(state, leading, sample):
    again, other = (cloud(state, leading, EPSILON, n=300, k=4, seed=s) for s in (7, 8))
    np.testing.assert_array_equal(again.coefficients, sample.coefficients)
    np.testing.assert_array_equal(again.kl, sample.kl)
    assert (other.coefficients != sample.coefficients).all()


def test_kl_equals_torch_distributions(state, leading, sample):
    expected = true_kl(state, perturbations(sample, leading)).numpy()
    # the oracle rounds logits up to 20
    np.testing.assert_allclose(sample.kl, expected, rtol=1e-11, atol=1e-14)


def test_the_argmax_is_that_of_the_perturbed_logits(state, leading, sample):
    expected = perturbed_logits(state, perturbations(sample, leading)).argmax(dim=1).numpy()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(sample.argmax, expected)


@pytest.mark.parametrize(
    "nonlinear",
    [random_state(gain=3.0, softcap=4.0), nonlinear_state(), nonlinear_state(softcap=2.0)],
    ids=["capped", "below a layer", "both"],
)
def test_where_logits_are_nonlinear_kl_and_argmax_are_those_of_the_perturbed_logits(nonlinear):
    leading = spectrum(nonlinear, k=5)
    sample = cloud(nonlinear, leading, 1.0, n=100, k=4)
    deltas = sample.coefficients @ leading.vectors[:, :4].numpy().T
    np.testing.assert_allclose(sample.kl, true_kl(nonlinear, deltas), rtol=1e-11, atol=1e-14)
    expected = perturbed_logits(nonlinear, deltas).argmax(dim=1).numpy()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(sample.argmax, expected)


def test_the_quadratic_divergence_is_epsilon_times_the_squared_shell(leading, sample):
    """`½ cᵀΛc = s²ε` with `s` uniform on [0, 2]: at `s = 1` exactly ε."""
    quadratic = 0.5 * sample.coefficients**2 @ leading.eigenvalues[:4].numpy()
    s = np.sqrt(quadratic / EPSILON)
    assert 0 < s.min() < s.max() < 2
    # the largest distance of 300 uniform draws' distribution from its own is below 0.1 in 99.5 %
    assert np.abs(np.sort(s) / 2 - np.linspace(0, 1, 300)).max() < 0.1


def test_on_the_shell_directions_are_uniform(leading, sample):
    whitened = sample.coefficients * np.sqrt(leading.eigenvalues[:4].numpy())
    sphere = whitened / np.linalg.norm(whitened, axis=1, keepdims=True)
    # second moments are 1/4 on the diagonal and 0 off it; a standard error is at most 0.013
    np.testing.assert_allclose(sphere.T @ sphere / 300, np.eye(4) / 4, atol=0.06)


def test_small_shells_have_the_quadratic_as_their_true_divergence(state, leading):
    tiny = cloud(state, leading, 1e-10, n=50, k=4)
    quadratic = 0.5 * tiny.coefficients**2 @ leading.eigenvalues[:4].numpy()
    # they differ by t·κ₃/(3κ₂), with t of 1e-5 radii of one nat
    np.testing.assert_allclose(tiny.kl, quadratic, rtol=1e-4)


def test_pca_is_the_projection_of_scikit_learn(sample):
    from sklearn.decomposition import PCA

    expected = PCA(n_components=2, svd_solver="full").fit_transform(sample.coefficients)
    points = sample.pca()
    # up to a sign of each axis; rounding of numbers of size ten
    np.testing.assert_allclose(
        points * np.sign((points * expected).sum(axis=0)), expected, atol=1e-12
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")
def test_umap_gives_two_coordinates_a_point_and_reports_its_progress(state, leading):
    """The only test that runs UMAP: its first call compiles for half a minute."""
    heard = []
    small = cloud(state, leading, EPSILON, n=40, k=4, seed=1)
    embedding = small.umap(heard.append)
    assert embedding.shape == (40, 2)
    assert np.isfinite(embedding).all()
    assert heard == sorted(heard)
    assert heard[0] < 0.5
    assert heard[-1] == 1.0


@pytest.mark.parametrize("held", [3, 6])
def test_of_more_directions_than_the_spectrum_holds_all_are_taken(state, held):
    assert cloud(state, spectrum(state, k=held), EPSILON).coefficients.shape[1] == held


def test_directions_without_curvature_are_refused():
    certain = with_logits(np.random.default_rng(0).standard_normal((5, 4)), [2000.0, 0, 0, 0, 0])
    with pytest.raises(StabilityError, match=r"needs two directions .* holds 0: choose a less"):
        cloud(certain, spectrum(certain, k=2), EPSILON, k=2)


def test_directions_whose_curvature_is_only_rounding_are_left_out():
    """Three tokens make H a matrix of rank two, whatever eigh says of its other eigenvalues."""
    for seed in range(10):
        three = random_state(seed, V=3, d=6)
        assert cloud(three, spectrum(three, k=6), EPSILON, k=3).coefficients.shape[1] == 2


def test_a_cloud_needs_a_positive_number_of_nats(state, leading):
    with pytest.raises(StabilityError, match=r"received 0.0: try 0.01"):
        cloud(state, leading, 0.0, k=4)


@pytest.mark.parametrize("n", [0, 1, -3])
def test_a_cloud_needs_two_perturbations(state, leading, n):
    with pytest.raises(StabilityError, match=rf"at least 2; received {n}: try 400"):
        cloud(state, leading, EPSILON, n=n)


@pytest.mark.parametrize(("held", "k"), [(1, 8), (6, 1), (6, 0)])
def test_a_cloud_needs_two_eigenpairs(state, held, k):
    with pytest.raises(StabilityError, match="eigenpairs"):
        cloud(state, spectrum(state, k=held), EPSILON, k=k)
