"""One direction from one state: what the closed form says, what is true, and what is certain."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability import fisher, flips, newton
from stability.certificate import brackets
from stability.directions import unit
from stability.distribution import require_nats
from stability.flips import Flip
from stability.law import Atoms, Law
from stability.state import State

Bracket = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Ray:
    """The line `vector + t·direction`, with the law of the logit slope along it.

    `slopes` are the centred `a_c` of every token; `t` is a length in the state's own coordinates,
    negative on the minus side. Divergences are in nats.
    """

    state: State
    direction: Float[Tensor, " d"]
    slopes: Float[ndarray, " V"]

    @cached_property
    def law(self) -> Law:
        """The law of the slope under the next-token distribution."""
        return Law(Atoms(self.slopes, self.state.probs.cpu().numpy()))

    @cached_property
    def cumulants(self) -> tuple[float, float, float]:
        """`κ₂, κ₃, κ₄` of the slope: curvature, asymmetry of the sides, and the next term."""
        second, third, fourth = self.law.cumulants().tolist()
        return second, third, fourth

    @property
    def curvature(self) -> float:
        """`vᵀHv = κ₂`, the variance of the slope under `p`."""
        return self.cumulants[0]

    def kl(self, t: Float[ndarray, " n"] | float) -> Float[ndarray, " n"]:
        """The true divergence `KL(p₀‖p_t)`, in nats."""
        return self.law.kl(np.atleast_1d(np.asarray(t, dtype=float)))

    def quadratic(self, t: Float[ndarray, " n"] | float) -> Float[ndarray, " n"]:
        """What the closed form takes the divergence to be, `½ t² vᵀHv`, in nats."""
        return 0.5 * self.curvature * np.atleast_1d(np.asarray(t, dtype=float)) ** 2

    def predicted_radius(self, epsilon: float) -> float | None:
        """The closed form `sqrt(2ε / vᵀHv)`, or None in a direction without curvature."""
        return fisher.radius(self.curvature, epsilon)

    def certificate(self, epsilon: float) -> tuple[Bracket, Bracket] | None:
        """Guaranteed `(inner, outer)` distances of the minus and of the plus boundary.

        None in a direction without curvature, where no boundary exists.
        """
        require_nats(epsilon)
        if not self.curvature > 0:
            return None
        tokens, nats = self.law.tokens, np.array([epsilon])
        ends = (brackets(sign * tokens.values, tokens.weights, nats) for sign in (-1, 1))
        minus, plus = ((float(inner[0]), float(outer[0])) for inner, outer in ends)
        return minus, plus

    def boundary(self, epsilon: float) -> tuple[float | None, float | None]:
        """Distances `(minus, plus)` at which the true divergence reaches `ε`.

        The divergence is convex in `t` and grows without bound, so each side has exactly one;
        None only in a direction without curvature.
        """
        require_nats(epsilon)
        if not self.curvature > 0:
            return None, None
        minus, plus = self.law.boundaries(np.array([epsilon]))[:, 0].tolist()
        return minus, plus

    def flips(self, limit: int = 8) -> tuple[list[Flip], list[Flip]]:
        """The argmax changes on the minus and on the plus side, in order of distance."""
        minus, plus = (flips.along(self.state, sign * self.slopes, limit) for sign in (-1, 1))
        return minus, plus

    def trust_range(self, tolerance: float = 0.1) -> tuple[float | None, float | None]:
        """The first `t` of each side at which the quadratic is off by `tolerance` of the true KL.

        None where it stays within that up to a hundred times the closed-form radius of one nat.
        """
        if not self.curvature > 0:
            return None, None
        grid = np.sqrt(2 / self.curvature) * np.geomspace(1e-5, 100, 400)
        minus, plus = (self._leaves(sign * grid, tolerance) for sign in (-1, 1))
        return minus, plus

    def _leaves(self, grid: Float[ndarray, " n"], tolerance: float) -> float | None:
        """Where along `grid` `½κ₂t²/KL` first leaves `[1 − tolerance, 1 + tolerance]`."""
        ratio = self.quadratic(grid) / self.law.merged.kl_and_slope(grid)[0]
        outside = np.flatnonzero(np.abs(ratio - 1) > tolerance)
        if not outside.size:
            return None
        first = outside[0]
        side, sign = np.sign(ratio[first] - 1), np.sign(grid[0])
        if first == 0:
            return abs(float(grid[0]))

        def departure(u: ndarray) -> tuple[ndarray, ndarray]:
            t = sign * np.exp(u)
            kl, slope = self.law.merged.kl_and_slope(t)
            value = np.log(self.quadratic(t) / kl) - np.log1p(side * tolerance)
            return side * value, side * (2 - t * slope / kl)

        log_t = np.log(np.abs(grid[[first - 1, first]]))
        return float(np.exp(newton.solve(departure, log_t[:1], log_t[1:]))[0])


def ray(state: State, direction: Float[Tensor, " d"] | Float[ndarray, " d"]) -> Ray:
    """The ray from `state` along `direction`, whose length does not matter.

    Raises StabilityError if the direction is zero, not finite or of the wrong length, or if the
    logits are not linear in the state.
    """
    v = unit(direction, state.readout.width).to(state.vector.device)
    return Ray(state, v, fisher.centred_slopes(state, v[:, None])[:, 0].cpu().numpy())
