"""The stable region in the plane of two directions: its ellipse, its true edge, its cells."""

import math
from dataclasses import dataclass
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
    axes: Float[Tensor, "d 2"]
    slopes: Float[ndarray, "V 2"]

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
        return np.concatenate(distances)

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
        along_x = torch.outer(torch.from_numpy(x), torch.from_numpy(self.slopes[:, 0].copy()))
        along_y = torch.outer(torch.from_numpy(y), torch.from_numpy(self.slopes[:, 1].copy()))
        shift_x, shift_y = along_x.amax(dim=1), along_y.amax(dim=1)
        grown_x = along_x.sub_(shift_x[:, None]).exp_()
        grown_y = along_y.sub_(shift_y[:, None]).exp_().mul_(torch.from_numpy(self.probs))
        mass = grown_y @ grown_x.T
        kl = (mass.log() + shift_x + shift_y[:, None]).clamp_min(0).numpy()
        rows, columns = np.nonzero(mass.numpy() < LEAST_MASS)
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
