"""The stable region in the plane of two directions: its ellipse, its true edge, its cells."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability import cells, fisher
from stability.cells import Cell, Extent
from stability.directions import unit
from stability.distribution import require_nats
from stability.errors import StabilityError
from stability.law import Atoms, Law, divergence
from stability.state import State

ANGLES_AT_ONCE = 30  # laws of the whole vocabulary held in memory together
TOKENS_AT_ONCE = 8192  # of a grid's factors
LEAST_MASS = 1e-290  # far enough from the end of float64 that no term of the sum is lost


@dataclass(frozen=True)
class Ellipse:
    """The closed form's stable region: semi-axes, and the angle of the first in radians."""

    semi_axes: tuple[float, float]
    angle: float

    def points(self, angles: Float[ndarray, " n"]) -> Float[ndarray, "n 2"]:
        """Points of the ellipse in the plane, by its own parameter."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        upright = np.stack([np.cos(angles), np.sin(angles)], axis=1) * self.semi_axes
        return upright @ np.array([[cos, sin], [-sin, cos]])


@dataclass(frozen=True, eq=False)
class Region:
    """The plane `vector + x·e₁ + y·e₂` of an orthonormal pair, with its logit slopes.

    `slopes` are the centred `a_c` of every token along both axes; `x`, `y` are lengths in the
    state's own coordinates; divergences are in nats. At `prelogit` the stable region is convex.
    """

    state: State
    axes: Float[Tensor, "d 2"] = field(repr=False)
    slopes: Float[ndarray, "V 2"] = field(repr=False)

    @cached_property
    def probs(self) -> Float[ndarray, " V"]:
        """The next-token probabilities at the state."""
        return self.state.probs.cpu().numpy()

    @cached_property
    def curvature(self) -> Float[ndarray, "2 2"]:
        """`EᵀHE`: the curvature of the divergence in the plane."""
        return (self.slopes * self.probs[:, None]).T @ self.slopes

    def ellipse(self, epsilon: float) -> Ellipse | None:
        """Where the quadratic `½ (x, y) EᵀHE (x, y)ᵀ` reaches `ε`; the longer semi-axis first.

        None where the plane has a direction without curvature.
        """
        values, vectors = np.linalg.eigh(self.curvature)
        long, short = (fisher.radius(float(value), epsilon) for value in values)
        if long is None or short is None:
            return None
        return Ellipse((long, short), math.atan2(vectors[1, 0], vectors[0, 0]))

    def boundary(self, epsilon: float, angles: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Distance at which the true divergence reaches `ε`, by angle; infinite if flat."""
        require_nats(epsilon)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        distances = [
            self._boundary_along(directions[i : i + ANGLES_AT_ONCE], epsilon)
            for i in range(0, len(angles), ANGLES_AT_ONCE)
        ]
        return np.concatenate([*distances, np.empty(0)])

    def _boundary_along(
        self, directions: Float[ndarray, "n 2"], epsilon: float
    ) -> Float[ndarray, " n"]:
        distances = np.full(len(directions), np.inf)
        curved = ((directions @ self.curvature) * directions).sum(axis=1) > 0
        if curved.any():
            law = Law(Atoms(directions[curved] @ self.slopes.T, self.probs))
            distances[curved] = law.boundaries(np.array([epsilon]))[:, 1, 0]
        return distances

    def kl(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The true divergence at points of the plane, each in `O(V)`."""
        points = np.stack([np.ravel(x), np.ravel(y)], axis=1)
        kl = [divergence(self.slopes @ point, self.probs) for point in points]
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
        mass = np.zeros((len(y), len(x)))
        for start in range(0, len(self.probs), TOKENS_AT_ONCE):
            here = slice(start, start + TOKENS_AT_ONCE)
            along_x, along_y = self.slopes[here].T
            grown_x = np.exp(np.multiply.outer(x, along_x) - shift_x[:, None])
            grown_y = np.exp(np.multiply.outer(y, along_y) - shift_y[:, None])
            mass += (grown_y * self.probs[here]) @ grown_x.T
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
        """The argmax cells in view, as polygons: exact, not a count of pixels.

        Raises StabilityError if the view, `(x_min, x_max, y_min, y_max)`, is empty.
        """
        x_min, x_max, y_min, y_max = extent
        if not (x_min < x_max and y_min < y_max):
            raise StabilityError(
                f"An extent must be (x_min, x_max, y_min, y_max), each growing; received {extent}: "
                "put the smaller ends first."
            )
        logits = self.state.uncapped_logits.cpu().numpy()
        polygons = cells.envelope(logits, self.slopes, extent)
        return [Cell(token, self.state.text(token), p) for token, p in polygons.items()]


def region(
    state: State,
    first: Float[Tensor, " d"] | Float[ndarray, " d"],
    second: Float[Tensor, " d"] | Float[ndarray, " d"],
) -> Region:
    """The plane through `state` along two directions, made orthonormal in this order.

    Raises StabilityError if either is no direction, or if the two are parallel.
    """
    width, device = state.readout.width, state.vector.device
    e1 = unit(first, width).to(device)
    e2 = unit(second, width).to(device)
    rest = e2 - (e1 @ e2) * e1
    if rest.norm() < 1e-6:
        raise StabilityError(
            f"A plane needs two directions; these two are parallel (cosine {float(e1 @ e2):.9f}): "
            "choose another second one."
        )
    axes = torch.stack([e1, rest / rest.norm()], dim=1)
    return Region(state, axes, fisher.centred_slopes(state, axes).cpu().numpy())
