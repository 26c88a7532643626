"""Figures of states at the edges of what there is can be drawn."""

import numpy as np
import pytest
from support.figures import check_whole
from support.states import (
    nearly_one_hot,
    random_state,
    with_logits,
)

from stability.curvature.spectrum import spectrum
from stability.figures.cloud import cloud_figure
from stability.figures.region import region_figure
from stability.geometry.cloud import cloud
from stability.geometry.region import region
from stability.views.cloud import CloudView
from stability.views.region import region_view

EPSILON = 0.05

EXTREME = {
    "open": random_state(1, V=60, d=10, gain=2),
    "nearly certain": nearly_one_hot(0, V=12, d=10, gap=23.0),  # 1 − 1e-9
    "a tie": with_logits(np.random.default_rng(0).standard_normal((12, 10)), [1.0] * 2 + [0] * 10),
    "two tokens": random_state(0, V=2, d=10),
}


@pytest.mark.parametrize("state", EXTREME.values(), ids=EXTREME)
def test_figures_of_extreme_states_are_whole(state, monkeypatch):
    monkeypatch.setattr(
        "stability.views.region.ANGLES", 12
    )  # of certain states each takes its time
    pairs = spectrum(state, k=10)
    plane = region_view(region(state, *pairs.vectors[:, :2].T), ("1", "2"), 0.01, 0.1)
    if plane is not None:
        check_whole(region_figure(plane))


@pytest.mark.parametrize("method", ["PCA", "UMAP"])
def test_a_real_cloud_is_whole(method):
    state = EXTREME["open"]
    sample = cloud(state, spectrum(state, k=4), EPSILON, n=60, k=4)
    texts = [state.text(int(i)) for i in sample.argmax]
    check_whole(cloud_figure(CloudView(method, sample.pca(), sample, texts, None)))
