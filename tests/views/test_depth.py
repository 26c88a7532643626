"""The map of all tokens and blocks: radii by their unit."""

import numpy as np
import pytest
import torch
from support.states import make_state

from stability.geometry.depth import Depth
from stability.views.depth import block_lengths, depth_map_view


def blocks(eigenvalues, norms):
    """A depth with given eigenvalues and norms at each block."""
    n = len(norms)
    return Depth(
        make_state(np.eye(2)),
        eigenvalues=torch.tensor(eigenvalues, dtype=torch.float64),
        directions=torch.zeros(n, 2).double(),
        norms=torch.tensor(norms, dtype=torch.float64),
        alignment=torch.eye(n).double(),
    )


@pytest.fixture
def depths():
    return [blocks([8.0, 2.0], [10.0, 20.0]), blocks([0.02, 0.0], [40.0, 50.0])]


def test_radii_are_the_closed_forms_by_token_and_block(depths):
    view = depth_map_view(depths, 0.01, relative=False)
    # sqrt(2·0.01/λ)
    np.testing.assert_allclose(view.radii, [[0.05, 0.1], [1.0, np.nan]], rtol=1e-12)
    assert view.unit == "units of the vector"


def test_relative_radii_are_parts_of_each_vectors_norm(depths):
    view = depth_map_view(depths, 0.01, relative=True)
    np.testing.assert_allclose(view.radii, [[0.5, 0.5], [2.5, np.nan]], rtol=1e-12)
    assert view.unit == "% of ‖vector‖"


def test_a_map_is_flat_where_no_block_has_curvature(depths):
    assert not depth_map_view(depths, 0.01, relative=False).is_flat
    assert depth_map_view([blocks([0.0, 0.0], [1.0, 1.0])], 0.01, relative=True).is_flat


def test_every_block_has_its_own_unit(depths):
    lengths, unit = block_lengths(depths[0], relative=True)
    np.testing.assert_allclose(lengths, [0.1, 0.2])
    assert unit == "% of ‖vector‖"
    lengths, _ = block_lengths(depths[0], relative=False)
    np.testing.assert_array_equal(lengths, [1, 1])
