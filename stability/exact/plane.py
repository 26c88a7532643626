"""The truth in the plane of two directions where the logits are linear in the state: exact."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.devices import rows_at_once
from stability.exact import cells
from stability.exact.cells import Cell, Extent
from stability.exact.discrete_measure import kl_of_shift
from stability.exact.slope_distribution import SlopeDistribution
from stability.exact.token_measure import TokenMeasure
from stability.prediction import distribution
from stability.prediction.state import State

CANCELLED_SLOPES = 1e-14  # of the slopes' size: all that rounding leaves of slopes that cancel
LEAST_MASS = 1e-290  # far enough from the end of float64 that no term of the sum is lost
GRID_IN_CACHE = 2**20  # numbers of a grid's factors
SAME = 1e-14  # of a direction and the opposite of another


@dataclass(frozen=True, eq=False)
class ExactPlane:
    """A plane in which every logit is a linear function; the stable region is convex there.

    `slopes` stay where they were computed, and so does whatever has a number for each token.
    """

    state: State
    slopes: Float[Tensor, "V 2"]

    @cached_property
    def _on_host(self) -> tuple[ndarray, ndarray, ndarray]:
        """The slopes, the next-token probabilities at the state, and their logarithms."""
        parts = self.slopes, self.state.probs, self.state.log_probs
        slopes, probs, log_probs = (part.cpu().numpy() for part in parts)
        return slopes, probs, log_probs

    def boundary(self, epsilon: float, angles: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Distance at which the true divergence reaches `ε`, by angle; infinite if flat."""
        directions, half = np.stack([np.cos(angles), np.sin(angles)], axis=1), len(angles) // 2
        opposite = len(angles) % 2 == 0 and np.allclose(
            directions[half:], -directions[:half], rtol=0, atol=SAME
        )
        # a whole turn meets either side of each line
        lines = directions[:half] if opposite else directions
        rows = rows_at_once(self.slopes.device, len(self.slopes))
        parts = [lines[i : i + rows] for i in range(0, len(lines), rows)]
        sides = np.concatenate([np.empty((0, 2)), *(self._sides(part, epsilon) for part in parts)])
        return np.concatenate([sides[:, 1], sides[:, 0]]) if opposite else sides[:, 1]

    def _sides(self, lines: Float[ndarray, "n 2"], epsilon: float) -> Float[ndarray, "n 2"]:
        """Distances of the boundary (minus, plus) along some lines."""
        values = torch.from_numpy(lines).to(self.slopes) @ self.slopes.T
        measure = TokenMeasure(values, self.state.probs, self.state.log_probs)
        along = SlopeDistribution(measure)
        # a token that hardly weighs has no curvature, but a boundary all the same: slopes decide
        curved = along.spans > CANCELLED_SLOPES * self._span
        distances = np.full((len(lines), 2), np.inf)
        if curved.any():
            distances[curved] = along.rows(curved).boundaries(np.array([epsilon]))[..., 0]
        return distances

    @cached_property
    def _span(self) -> float:
        return float(self.slopes.max() - self.slopes.min())

    def kl(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The true divergence at points of the plane, each in `O(V)`."""
        slopes, *probs = self._on_host
        points = np.stack([np.ravel(x), np.ravel(y)], axis=1)
        kl = [kl_of_shift(slopes @ point, *probs) for point in points]
        return np.array(kl).reshape(np.shape(x))

    def kl_grid(self, x: Float[ndarray, " n"], y: Float[ndarray, " m"]) -> Float[ndarray, "m n"]:
        """The true divergence on a grid, rows by `y`: exact, as one matrix product.

        `E[e^{xa + yb}] = Σ_i e^{x a_i} · p_i e^{y b_i}`; both factors are shifted by their maxima
        so that neither overflows, and points whose product underflows are computed one by one.
        KL below 1e-10 nats loses its digits.
        """
        axes = [torch.from_numpy(axis).to(self.slopes) for axis in (x, y)]
        ends = torch.stack([self.slopes.amin(dim=0), self.slopes.amax(dim=0)])
        shifts = [axis.outer(ends[:, i]).amax(dim=1) for i, axis in enumerate(axes)]
        tokens = rows_at_once(self.slopes.device, len(x) + len(y), GRID_IN_CACHE)
        mass, probs = self.slopes.new_zeros(len(y), len(x)), self.state.probs.split(tokens)
        for slopes, p in zip(self.slopes.split(tokens), probs, strict=True):
            grown_x, grown_y = (
                torch.outer(axis, along).sub_(shift[:, None]).exp_()
                for axis, shift, along in zip(axes, shifts, slopes.T, strict=True)
            )
            mass += (grown_y * p) @ grown_x.T
        kl = (mass.log() + shifts[0] + shifts[1][:, None]).clamp_min_(0).cpu().numpy()
        rows, columns = np.nonzero((mass < LEAST_MASS).cpu().numpy())
        kl[rows, columns] = self.kl(x[columns], y[rows])
        return kl

    def argmax(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Int[ndarray, "*n"]:
        """The most likely token at points of the plane; ties go to the lowest id."""
        points = torch.from_numpy(np.stack([np.ravel(x), np.ravel(y)], axis=1)).to(self.slopes)
        rows = rows_at_once(self.slopes.device, len(self.slopes))
        winners = [
            distribution.argmax(self.state.uncapped_logits + part @ self.slopes.T)
            for part in points.split(rows)
        ]
        return torch.cat(winners).cpu().numpy().reshape(np.shape(x))

    def cells(self, extent: Extent) -> list[Cell]:
        """The argmax cells in view, as polygons: exact, not a count of pixels."""
        return cells_in_view(self.state, self.slopes, extent)


def cells_in_view(state: State, slopes: Float[Tensor, "V 2"], extent: Extent) -> list[Cell]:
    """The argmax cells in view by slopes before capping, which changes no argmax."""
    logits = state.uncapped_logits
    corners = torch.from_numpy(cells.corners_of(extent)).to(slopes)
    at_corners = torch.addmm(logits, corners, slopes.T)
    # a plane below the best plane's lowest corner everywhere can win nowhere
    able = (at_corners.amax(dim=0) >= at_corners.amin(dim=0).max()).nonzero()[:, 0]
    few = torch.cat([able[:, None].double(), logits[able, None], slopes[able]], dim=1).cpu().numpy()
    polygons = cells.envelope(few[:, 1], few[:, 2:], extent)
    ids = few[:, 0].astype(int).tolist()
    return [Cell(ids[i], state.text(ids[i]), polygon) for i, polygon in polygons.items()]
