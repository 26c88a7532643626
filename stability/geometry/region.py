"""The stable region in the plane of two directions: its ellipse, its true edge, its cells."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.arguments import finite_array, nats
from stability.curvature import fisher
from stability.curvature.direction import unit
from stability.errors import StabilityError
from stability.exact.cells import Cell, Extent
from stability.exact.plane import ExactPlane
from stability.geometry.ellipse import Ellipse
from stability.geometry.reach import points
from stability.geometry.truth import PlaneTruth
from stability.numerical.plane import NumericalPlane
from stability.prediction.state import State

CANCELLED_CURVATURE = 1e-14  # of the larger curvature in a plane


@dataclass(frozen=True, eq=False)
class Region:
    """The plane `vector + x·e₁ + y·e₂` of an orthonormal pair, with its logit slopes.

    `x`, `y` are in the state's coordinates, KL in nats; the truth is exact where logits are linear.

    Attributes:
        state: the origin of the plane.
        axes: the orthonormal pair `E = (e₁, e₂)`, (d, 2).
        device_slopes: the centred `a_c` of every token along both, (V, 2), on the state's device.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> region = stability.region(state, np.array([1.0, 0, 0]), np.array([0, 1.0, -1.0]))
    >>> np.round(region.ellipse(0.1).semi_axes, 3), region.kl(np.ones(1), np.zeros(1)).round(3)
    (array([1.37 , 1.092]), array([0.068]))
    """

    state: State
    axes: Float[Tensor, "d 2"] = field(repr=False)
    device_slopes: Float[Tensor, "V 2"] = field(repr=False)

    @cached_property
    def slopes(self) -> Float[ndarray, "V 2"]:
        """The slopes as an array."""
        return self.device_slopes.cpu().numpy()

    @cached_property
    def truth(self) -> PlaneTruth:
        """The truth in the plane, exact or evaluated."""
        if self.state.is_linear:
            return ExactPlane(self.state, self.device_slopes)
        return NumericalPlane(self.state, self.axes, self.curvature)

    @cached_property
    def curvature(self) -> Float[ndarray, "2 2"]:
        """`EᵀHE`: the curvature of the divergence in the plane."""
        return fisher.projected_hessian(self.state.probs, self.device_slopes).cpu().numpy()

    def coordinates(self, vector: Float[Tensor, " d"]) -> tuple[float, float]:
        """The plane's coordinates of a vector at the site, `Eᵀ(w − vector)`: of its foot, if off it."""
        given = torch.from_numpy(finite_array(vector, "A vector's components")).to(self.axes)
        if len(given) != self.state.width:
            raise StabilityError(
                f"A vector must have the width of the site, {self.state.width}; received {len(given)} "
                "components: capture it there."
            )
        x, y = (self.axes.T @ (given - self.state.vector.double())).tolist()
        return x, y

    def ellipse(self, epsilon: float) -> Ellipse | None:
        """Where the quadratic `½ (x, y) EᵀHE (x, y)ᵀ` reaches `ε`; the longer semi-axis first.

        Args:
            epsilon: nats.

        Returns:
            None where a direction of the plane has no curvature that rounding leaves beside the other.
        """
        values, vectors = np.linalg.eigh(self.curvature)
        # of the smaller eigenvalue rounding leaves so much where it is zero
        least = CANCELLED_CURVATURE * values[1]
        long, short = (fisher.radius(float(v) * (v > least), epsilon) for v in values)
        if long is None or short is None:
            return None
        return Ellipse((long, short), math.atan2(vectors[1, 0], vectors[0, 0]))

    def boundary(self, epsilon: float, angles: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Distance at which the true divergence first reaches `ε`, by angle.

        Args:
            epsilon: nats.
            angles: from the axis of `x` towards that of `y`, (n,), in radians.

        Returns:
            Distances (n,) in coordinates, infinite or NaN where there is none: see `Ray.find`.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats.
        """
        return self.truth.boundary(nats(epsilon), finite_array(angles, "Angles"))

    def _points(self, x: Any, y: Any, paired: bool = True) -> tuple[ndarray, ndarray]:
        return points(x, y, self.device_slopes if self.state.is_linear else None, paired)

    def kl(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The true divergence at points of the plane."""
        return self.truth.kl(*self._points(x, y))

    def kl_grid(self, x: Float[ndarray, " n"], y: Float[ndarray, " m"]) -> Float[ndarray, "m n"]:
        """The true divergence on a grid, rows by `y`."""
        return self.truth.kl_grid(*self._points(x, y, paired=False))

    def argmax(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Int[ndarray, "*n"]:
        """The most likely token at points of the plane."""
        return self.truth.argmax(*self._points(x, y))

    def cells(self, extent: Extent) -> list[Cell]:
        """The argmax cells in view, as polygons.

        Args:
            extent: the view, `(x_min, x_max, y_min, y_max)`.

        Returns:
            Exact polygons where the logits are linear, elsewhere polygons from a lattice of points.

        Raises:
            StabilityError: the view is empty.
        """
        ends = finite_array(extent, "Ends of an extent")
        if len(ends) != 4 or not (ends[0] < ends[1] and ends[2] < ends[3]):
            raise StabilityError(
                f"An extent must be (x_min, x_max, y_min, y_max), each growing; received {extent}: "
                "put the smaller ends first."
            )
        self._points(ends[:2], ends[2:])
        x_min, x_max, y_min, y_max = ends.tolist()
        return self.truth.cells((x_min, x_max, y_min, y_max))


def region(
    state: State,
    first: Float[Tensor, " d"] | Float[ndarray, " d"],
    second: Float[Tensor, " d"] | Float[ndarray, " d"],
) -> Region:
    """The plane through a state along two directions, made orthonormal in this order.

    Args:
        state: a captured vector, at any site; it is the origin of the plane.
        first: a vector in the state's coordinates, along which `x` is counted.
        second: another; what is left of it at right angles to the first is the axis of `y`.

    Returns:
        The region: KL, argmax cells, the closed form's ellipse and the true boundary.

    Raises:
        StabilityError: either is zero, not finite or of another width, or the two are parallel.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> region = stability.region(state, np.array([1.0, 0, 0]), np.array([0, 1.0, -1.0]))
    >>> region.boundary(0.1, np.array([0.0, np.pi / 2])).round(3)
    array([1.24 , 1.353])
    """
    e1, e2 = (unit(part, state.width).to(state.vector.device) for part in (first, second))
    rest = e2 - (e1 @ e2) * e1
    if rest.norm() < 1e-6:
        raise StabilityError(
            f"A plane needs two directions; these two are parallel (cosine {float(e1 @ e2):.9f}): "
            "choose another second one."
        )
    axes = torch.stack([e1, rest / rest.norm()], dim=1)
    return Region(state, axes, fisher.centred_slopes(state, axes))


def region_through(a: State, b: State, c: State) -> Region:
    """The plane through three states of one model and site.

    Args:
        a: the origin of the plane.
        b: the state that lies on its first axis.
        c: the third, on the side of growing `y`.

    Returns:
        The region around `a`.

    Raises:
        StabilityError: two are the same vector, or all three lie on a line.
    """
    start = a.vector.double()
    return region(a, b.vector.double() - start, c.vector.double() - start)
