"""The stable region as a cloud: perturbations drawn around its boundary, projected to two axes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from stability.arguments import whole
from stability.curvature import fisher
from stability.curvature.spectrum import Spectrum
from stability.errors import StabilityError
from stability.prediction.perturbation import perturb
from stability.prediction.state import State


@dataclass(frozen=True, eq=False)
class Cloud:
    """Perturbations of a state, and the divergence and most likely token after each.

    Attributes:
        coefficients: coordinates of the perturbations on the leading eigendirections, (n, k); as these
            are orthonormal, distances between rows are distances between perturbations.
        kl: the true divergence after each, (n,), in nats.
        argmax: id of the most likely token after each, (n,).
        epsilon: the divergence whose boundary they are drawn around, in nats.
        seed: of all that was drawn.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> cloud = stability.cloud(state, stability.spectrum(state, k=2), 0.1)
    >>> np.bincount(cloud.argmax).tolist()  # after how many perturbations each token leads
    [353, 17, 30]
    """

    coefficients: Float[ndarray, "n k"]
    kl: Float[ndarray, " n"]
    argmax: Int[ndarray, " n"]
    epsilon: float
    seed: int

    def pca(self) -> Float[ndarray, "n 2"]:
        """The two principal components of the perturbations."""
        centred = self.coefficients - self.coefficients.mean(axis=0)
        return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T

    def umap(self, progress: Callable[[float], None] = lambda fraction: None) -> ndarray:
        """A UMAP embedding in two dimensions.

        Args:
            progress: called with the fraction that is done.

        Returns:
            Points (n, 2). Distances are not lengths: read neighbourhoods, not axes.
        """
        from umap import UMAP

        reducer = UMAP(
            n_neighbors=15,
            random_state=self.seed,
            n_jobs=1,
            tqdm_kwds={
                "disable": False,
                "file": _Progress(progress),
                "bar_format": "{percentage}|",
            },
        )
        return np.asarray(reducer.fit_transform(self.coefficients), dtype=float)


class _Progress:
    """A file for tqdm that reads the percentages written to it."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self.progress = progress

    def write(self, text: str) -> int:
        number = text.strip().split("|")[0]
        if number.replace(".", "", 1).isdigit():
            self.progress(float(number) / 100)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def cloud(
    state: State, spectrum: Spectrum, epsilon: float, n: int = 400, k: int = 8, seed: int = 0
) -> Cloud:
    """Sample `δ = s·√(2ε)·Σ c_i v_i/√λ_i` over the leading eigendirections.

    `c` is uniform on the unit sphere and `s` on [0, 2], so that the closed form's boundary lies at
    `s = 1`; isotropic noise in all `d` dimensions would hardly change the prediction.

    Args:
        state: a captured vector, at any site.
        spectrum: the eigenpairs of `H` there.
        epsilon: nats.
        n: number of perturbations, at least 2.
        k: eigendirections that are used, as far as their eigenvalues exceed their residuals.
        seed: of all that is drawn.

    Returns:
        The perturbations with the true divergence and the most likely token after each.

    Raises:
        StabilityError: `epsilon` is not a positive number of nats, `n` or the number of eigenpairs is
            below 2, or fewer than two eigenvalues are positive beyond their residuals.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> cloud = stability.cloud(state, stability.spectrum(state, k=2), 0.1, n=5)
    >>> cloud.coefficients.shape, cloud.pca().shape
    ((5, 2), (5, 2))
    """
    n = whole(n, "The number of a cloud's perturbations", 2, example=400)
    k = whole(k, "The number of a cloud's eigenpairs", 2, example=8)
    seed = whole(seed, "A seed", 0)
    _require_two(len(spectrum.eigenvalues))
    vectors, eigenvalues = spectrum.vectors[:, :k], spectrum.eigenvalues[:k].cpu().numpy()
    rounding = np.finfo(float).eps * state.width * eigenvalues[0]
    curved = int((eigenvalues > spectrum.residuals[:k].cpu().numpy() + rounding).sum())
    if curved < 2:
        raise StabilityError(
            f"A cloud needs two directions with curvature; the spectrum holds {curved}: choose a "
            "less certain position."
        )
    vectors, eigenvalues = vectors[:, :curved], eigenvalues[:curved]
    random = np.random.default_rng(seed)
    sphere = random.standard_normal((n, curved))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    radii = np.array([fisher.radius(float(value), epsilon) for value in eigenvalues])
    coefficients = random.uniform(0, 2, (n, 1)) * sphere * radii
    perturbations = torch.from_numpy(coefficients).to(vectors) @ vectors.T
    after = perturb(state, perturbations)
    return Cloud(coefficients, after.kl, after.argmax, epsilon, seed)


def _require_two(pairs: int) -> None:
    """Raise StabilityError unless there are two eigenpairs, for two axes."""
    if pairs < 2:
        raise StabilityError(
            f"A cloud needs at least two eigenpairs; the spectrum holds {pairs}: ask for more there."
        )
