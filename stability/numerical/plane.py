"""The truth in a plane in which the logits are not linear: the network is run, point by point."""

from dataclasses import dataclass
from functools import cached_property

import contourpy
import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.exact.cells import Cell, Extent, corners_of
from stability.exact.plane import cells_in_view
from stability.numerical.crossings import Lines
from stability.prediction.perturbation import Perturbed, RecentEvaluations, perturb
from stability.prediction.state import State

LATTICE = 33  # points a side, from which cells are drawn


@dataclass(frozen=True, eq=False)
class NumericalPlane:
    """A plane in which the logits are not linear, spanned by the columns of `axes`."""

    state: State
    axes: Float[Tensor, "d 2"]
    curvature: Float[ndarray, "2 2"]

    def boundary(self, epsilon: float, angles: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Distance at which the divergence first reaches `ε`, by angle: see `Boundaries`."""
        plane = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        curvatures = fisher.along(self.curvature, plane)
        directions = self.axes @ torch.from_numpy(plane.T).to(self.axes)
        lines = Lines(self.state, directions, curvatures)
        return lines.crossings(np.array([epsilon])).distances[:, 0]

    @cached_property
    def _evaluations(self) -> RecentEvaluations:
        def at(points: Float[ndarray, " n"]) -> Perturbed:
            plane = torch.from_numpy(points.reshape(-1, 2)).to(self.axes)
            return perturb(self.state, plane @ self.axes.T)

        return RecentEvaluations(at)

    def at(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Perturbed:
        """The prediction at points of the plane, memoised for the last few arrays of points."""
        return self._evaluations(np.stack([np.ravel(x), np.ravel(y)], axis=1).ravel())

    def kl(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The divergence at points of the plane."""
        return self.at(x, y).kl.reshape(np.shape(x))

    def kl_grid(self, x: Float[ndarray, " n"], y: Float[ndarray, " m"]) -> Float[ndarray, "m n"]:
        """The divergence on a grid, rows by `y`."""
        return self.kl(*np.meshgrid(x, y))

    def argmax(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Int[ndarray, "*n"]:
        """The most likely token at points of the plane."""
        return self.at(x, y).argmax.reshape(np.shape(x))

    def cells(self, extent: Extent) -> list[Cell]:
        """The argmax cells in view: exact at the readout, else from a lattice of `LATTICE²` points.

        Leads are linear between points. A token may have several cells; a hole in one is drawn by the
        cell that lies in it.
        """
        if self.state.is_at_readout:
            slopes = self.state.readout.slopes(self.axes)
            return cells_in_view(self.state, slopes, extent)
        x_min, x_max, y_min, y_max = extent
        x, y = np.linspace(x_min, x_max, LATTICE), np.linspace(y_min, y_max, LATTICE)
        predictions = self.at(*np.meshgrid(x, y))
        winners = np.unique(predictions.argmax)
        if len(winners) == 1:
            return [Cell(int(winners[0]), self.state.text(int(winners[0])), corners_of(extent))]
        logits = predictions.uncapped(winners).cpu().numpy()
        cells: list[Cell] = []
        for i, token in enumerate(winners.tolist()):
            lead = logits[:, i] - np.delete(logits, i, axis=1).max(axis=1)
            for corners in _outlines(x, y, lead.reshape(LATTICE, LATTICE)):
                cells.append(Cell(token, self.state.text(token), corners))
        return cells


def _outlines(
    x: Float[ndarray, " n"], y: Float[ndarray, " m"], lead: Float[ndarray, "m n"]
) -> list[Float[ndarray, "k 2"]]:
    """The outer polygons of the areas in which a function on a grid is positive."""
    generator = contourpy.contour_generator(x, y, lead, fill_type="OuterOffset")
    filled = zip(*generator.filled(0.0, np.inf), strict=True)
    return [corners[: offsets[1] - 1] for corners, offsets in filled]
