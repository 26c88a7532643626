"""The figure of a cloud shows every perturbation, its divergence and its token."""

from dataclasses import replace

import numpy as np
import pytest
from support.figures import title, tricky

from stability.figures.cloud import cloud_figure
from stability.geometry.cloud import Cloud
from stability.units import COORDINATES
from stability.views.cloud import CloudView

EPSILON = 0.05


def cloud_view(argmax, method="PCA"):
    random, n = np.random.default_rng(0), len(argmax)
    kl, points = random.uniform(0, 6 * EPSILON, n), random.standard_normal((n, 2))
    sample = Cloud(np.zeros((n, 3)), kl, np.array(argmax), EPSILON, seed=0)
    texts = [f" {i}" for i in argmax]
    return CloudView(method, points, sample, texts, COORDINATES if method == "PCA" else None)


def test_the_cloud_gives_each_leading_token_its_shape():
    """Tokens 8, 3, 9 and 1 are the most frequent; 2, 5 and 6 share what is left."""
    view = cloud_view([8, 3, 5, 8, 9, 1, 8, 3, 9, 2, 8, 3, 1, 9, 3, 8, 6])
    drawn = cloud_figure(view)
    expected = {
        "␣8": (8,),
        "␣3": (3,),
        "␣9": (9,),
        "␣1": (1,),
        "other tokens": (2, 5, 6),
    }
    assert [trace.name for trace in drawn.data] == list(expected)
    for trace, tokens in zip(drawn.data, expected.values(), strict=True):
        members = np.isin(view.cloud.argmax, tokens)
        np.testing.assert_array_equal(trace.x, view.points[members, 0].astype(np.float32))
        np.testing.assert_array_equal(trace.y, view.points[members, 1].astype(np.float32))
        kl = view.cloud.kl[members]
        np.testing.assert_array_equal(trace.marker.color, (kl / EPSILON).astype(np.float32))
        np.testing.assert_array_equal(trace.customdata, kl[:, None])
        assert list(trace.text) == [f"␣{i}" for i in view.cloud.argmax[members]]
        assert trace.mode == "markers"
    assert len({trace.marker.symbol for trace in drawn.data}) == 5


def test_the_clouds_colours_are_divergences_in_units_of_epsilon():
    layout = cloud_figure(cloud_view([1, 2])).layout
    assert (layout.coloraxis.cmin, layout.coloraxis.cmax) == (0, 4)
    assert layout.coloraxis.colorscale[0][1] == "#00224e"
    assert layout.coloraxis.colorbar.title.text == "KL / ε"
    assert all(
        trace.marker.coloraxis == "coloraxis" for trace in cloud_figure(cloud_view([1])).data
    )


@pytest.mark.parametrize(("method", "unit"), [("PCA", "units of the vector"), ("UMAP", "no unit")])
def test_the_cloud_has_equal_scales_and_says_if_axes_are_lengths(method, unit):
    layout = cloud_figure(cloud_view([1, 2], method)).layout
    assert layout.yaxis.scaleanchor == "x"
    assert title(layout.xaxis) == f"{method} 1 ({unit})"
    assert title(layout.yaxis) == f"{method} 2 ({unit})"


def test_a_cloud_of_one_token_has_one_shape():
    drawn = cloud_figure(cloud_view([4, 4, 4]))
    assert [trace.name for trace in drawn.data] == ["␣4"]
    assert drawn.layout.showlegend  # Plotly gives one trace none of itself


@tricky
def test_the_cloud_shows_tokens_as_they_are(text, shown):
    (trace,) = cloud_figure(replace(cloud_view([7, 7]), texts=[text, text])).data
    assert trace.name == shown
    assert list(trace.text) == [shown, shown]
