"""The figure of a spectrum shows its eigenvalues, by rank."""

import numpy as np
import pytest
from support.figures import check_whole, title
from support.states import (
    nearly_one_hot,
    random_state,
)

from stability.curvature.spectrum import spectrum
from stability.figures.spectrum import spectrum_figure
from stability.figures.style import (
    ACTUAL,
    AXIS_GREY,
)


@pytest.fixture(scope="module")
def pairs():
    return spectrum(random_state(0), k=6)


def test_the_spectrum_shows_eigenvalues_by_rank_on_a_log_axis(pairs):
    drawn = spectrum_figure(pairs, None)
    (bars,) = drawn.data
    np.testing.assert_array_equal(bars.x, range(1, 7))
    np.testing.assert_array_equal(bars.y, pairs.eigenvalues.numpy())
    np.testing.assert_array_equal(bars.customdata, pairs.share.numpy())
    assert drawn.layout.yaxis.type == "log"
    assert title(drawn.layout.xaxis) == "eigendirection"
    assert title(drawn.layout.yaxis) == "eigenvalue λ (nats/unit²)"


@pytest.mark.parametrize("chosen", [0, 3, 5])
def test_the_chosen_eigendirection_stands_out(pairs, chosen):
    (bars,) = spectrum_figure(pairs, chosen).data
    assert bars.marker.color == tuple(ACTUAL if i == chosen else AXIS_GREY for i in range(6))


@pytest.mark.parametrize("chosen", [None, 6])
def test_no_eigendirection_stands_out_if_none_here_is_chosen(pairs, chosen):
    assert set(spectrum_figure(pairs, chosen).data[0].marker.color) == {AXIS_GREY}


@pytest.mark.parametrize(("k", "step"), [(16, 1), (17, 8)])
def test_many_eigendirections_are_numbered_sparsely(k, step):
    assert spectrum_figure(spectrum(random_state(d=20), k), 0).layout.xaxis.dtick == step


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("gap", [1.0, 2000.0])
def test_one_eigenvalue_or_zeros_only_are_drawn_too(gap, k):
    pairs = spectrum(nearly_one_hot(gap=gap), k=k)
    assert (gap == 2000) == (not pairs.eigenvalues.any())
    drawn = spectrum_figure(pairs, 0)
    check_whole(drawn)
    assert len(drawn.data[0].y) == k
