"""A plane at `prelogit`, against the logits of every grid point."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.bench.timing import Comparison, Method, compare
from stability.curvature.spectrum import spectrum
from stability.geometry.region import Region, region
from stability.prediction import distribution
from stability.prediction.state import State
from stability.views.region import ANGLES, GRID


def compare_region(states: Sequence[State]) -> list[Comparison]:
    """One plane, with all that is drawn of it."""
    state = states[-1]
    vectors = spectrum(state, 2).vectors
    plane = region(state, vectors[:, 0], vectors[:, 1])
    half = 1.3 * plane.boundary(0.01, np.linspace(0, 2 * np.pi, 9)).max()
    axis = np.linspace(-half, half, GRID)
    rows = [0, GRID // 3, GRID - 1]
    brute = np.stack([_kl_by_brute_force(plane, axis, axis[row]) for row in rows])
    error = np.abs(plane.kl_grid(axis, axis)[rows] / brute - 1).max()
    return [
        compare(
            "region",
            f"ellipse, boundary at {ANGLES} angles, cells, {GRID}×{GRID} grid of KL",
            Method(lambda: explore_region(state, vectors, axis)),
            {
                f"the grid by brute force (1 of {GRID} rows, scaled)": Method(
                    lambda: _kl_by_brute_force(plane, axis, axis[0]), share=1 / GRID
                )
            },
            {"relative error of a grid point": float(error)},
        )
    ]


def explore_region(state: State, vectors: Float[Tensor, "d 2"], axis: Float[ndarray, " n"]) -> None:
    """Compute all that Explore shows of a plane."""
    plane = region(state, vectors[:, 0], vectors[:, 1])
    plane.ellipse(0.01)
    plane.boundary(0.01, np.linspace(0, 2 * np.pi, ANGLES, endpoint=False))
    plane.cells((axis[0], axis[-1], axis[0], axis[-1]))
    plane.kl_grid(axis, axis)


def _kl_by_brute_force(plane: Region, x: Float[ndarray, " n"], y: float) -> Float[ndarray, " n"]:
    """KL along one row of the grid, from the logits of every point."""
    state = plane.state
    points = torch.stack([torch.from_numpy(x), torch.full((len(x),), y, dtype=torch.float64)])
    vectors = state.vector.double() + (plane.axes @ points.to(plane.axes)).T
    log_q = distribution.log_probs(state.readout.logits(vectors))
    return distribution.kl(state.log_probs.expand_as(log_q), log_q).cpu().numpy()
