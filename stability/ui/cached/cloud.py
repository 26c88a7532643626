"""Cached clouds of perturbations, and their projections."""

from typing import Any

import numpy as np

from stability.curvature.spectrum import Spectrum
from stability.defaults import LEADING_PAIRS
from stability.geometry.cloud import Cloud, cloud
from stability.models.progress import Report
from stability.prediction.state import State
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.states import StateKey, eigenpairs, state
from stability.units import COORDINATES
from stability.views.cloud import CloudView

_embeddings = Jobs(max_entries=32)


@cached(64, parts=lambda key, epsilon: (state(key), eigenpairs(key, LEADING_PAIRS)))
def _sampled(_parts: tuple[State, Spectrum], key: StateKey, epsilon: float) -> Cloud:
    with turn():
        return cloud(*_parts, epsilon)


def drawn_cloud(key: StateKey, epsilon: float, method: str) -> CloudView:
    """A cloud projected to two axes by PCA, at once, or by UMAP, with progress."""
    here, sample = state(key), _sampled(key, epsilon)

    def umap(report: Report) -> Any:
        report("Preparing UMAP: the first time, its code is compiled for half a minute", 0.0)
        return sample.umap(lambda fraction: report("Projecting with UMAP", fraction))

    points = sample.pca() if method == "PCA" else _embeddings.get((key, epsilon), umap)
    texts = [here.text(int(token)) for token in sample.argmax]
    return CloudView(method, points, sample, texts, COORDINATES if method == "PCA" else None)


def compile_umap() -> None:
    """Let UMAP compile its code, which takes ten seconds, on a few points."""
    points = np.random.default_rng(0).standard_normal((20, 8))
    Cloud(points, np.zeros(20), np.zeros(20, dtype=int), 0.01, 0).umap()
