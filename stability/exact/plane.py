"""The truth in the plane of two directions where the logits are linear in the state: exact."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.exact import cells
from stability.exact.cells import Cell, Extent
from stability.exact.discrete_measure import DiscreteMeasure, kl_of_shift
from stability.exact.slope_distribution import SlopeDistribution
from stability.prediction.state import State

ANGLES_AT_ONCE = 30  # slopes of the whole vocabulary held in memory together
TOKENS_AT_ONCE = 8192  # of a grid's factors
CANCELLED_SLOPES = 1e-14  # of the slopes' size: all that rounding leaves of slopes that cancel
LEAST_MASS = 1e-290  # far enough from the end of float64 that no term of the sum is lost


@dataclass(frozen=True, eq=False)
class ExactPlane:
    """A plane in which every logit is a linear function; the stable region is convex there."""

    state: State
    slopes: Float[ndarray, "V 2"]

    @cached_property
    def probs(self) -> tuple[Float[ndarray, " V"], Float[ndarray, " V"]]:
        """The next-token probabilities at the state, and their logarithms."""
        return self.state.probs.cpu().numpy(), self.state.log_probs.cpu().numpy()

    def boundary(self, epsilon: float, angles: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Distance at which the true divergence reaches `ε`, by angle; infinite if flat."""
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        distances = np.empty(len(angles))
        for i in range(0, len(angles), ANGLES_AT_ONCE):
            part = slice(i, i + ANGLES_AT_ONCE)
            distances[part] = self._plus_boundary(directions[part], epsilon)
        return distances

    def _plus_boundary(
        self, directions: Float[ndarray, "n 2"], epsilon: float
    ) -> Float[ndarray, " n"]:
        distances, values = np.full(len(directions), np.inf), directions @ self.slopes.T
        # a token that hardly weighs has no curvature, but a boundary all the same: slopes decide
        curved = np.ptp(values, axis=1) > CANCELLED_SLOPES * np.ptp(self.slopes)
        if curved.any():
            measure = DiscreteMeasure(values[curved], *self.probs)
            boundaries = SlopeDistribution(measure).boundaries(np.array([epsilon]))
            distances[curved] = boundaries[:, 1, 0]
        return distances

    def kl(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The true divergence at points of the plane, each in `O(V)`."""
        points = np.stack([np.ravel(x), np.ravel(y)], axis=1)
        kl = [kl_of_shift(self.slopes @ point, *self.probs) for point in points]
        return np.array(kl).reshape(np.shape(x))

    def kl_grid(self, x: Float[ndarray, " n"], y: Float[ndarray, " m"]) -> Float[ndarray, "m n"]:
        """The true divergence on a grid, rows by `y`: exact, as one matrix product.

        `E[e^{xa + yb}] = Σ_i e^{x a_i} · p_i e^{y b_i}`; both factors are shifted by their maxima
        so that neither overflows, and points whose product underflows are computed one by one.
        KL below 1e-10 nats loses its digits.
        """
        ends = np.stack([self.slopes.min(axis=0), self.slopes.max(axis=0)])
        shift_x, shift_y = (
            np.multiply.outer(ends[:, i], v).max(axis=0) for i, v in enumerate((x, y))
        )
        mass, (probs, _) = np.zeros((len(y), len(x))), self.probs
        for start in range(0, len(self.slopes), TOKENS_AT_ONCE):
            here = slice(start, start + TOKENS_AT_ONCE)
            along_x, along_y = self.slopes[here].T
            grown_x = np.exp(np.multiply.outer(x, along_x) - shift_x[:, None])
            grown_y = np.exp(np.multiply.outer(y, along_y) - shift_y[:, None])
            mass += (grown_y * probs[here]) @ grown_x.T
        with np.errstate(divide="ignore"):
            kl = np.maximum(np.log(mass) + shift_x + shift_y[:, None], 0)
        rows, columns = np.nonzero(mass < LEAST_MASS)
        kl[rows, columns] = self.kl(x[columns], y[rows])
        return kl

    def argmax(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Int[ndarray, "*n"]:
        """The most likely token at points of the plane; ties go to the lowest id."""
        logits = self.state.uncapped_logits.cpu().numpy()
        points = np.stack([np.ravel(x), np.ravel(y)], axis=1)
        winners = [int((logits + self.slopes @ point).argmax()) for point in points]
        return np.array(winners).reshape(np.shape(x))

    def cells(self, extent: Extent) -> list[Cell]:
        """The argmax cells in view, as polygons: exact, not a count of pixels."""
        return cells_in_view(self.state, self.slopes, extent)


def cells_in_view(state: State, slopes: Float[ndarray, "V 2"], extent: Extent) -> list[Cell]:
    """The argmax cells in view by slopes before capping, which changes no argmax."""
    polygons = cells.envelope(state.uncapped_logits.cpu().numpy(), slopes, extent)
    return [Cell(token, state.text(token), polygon) for token, polygon in polygons.items()]
