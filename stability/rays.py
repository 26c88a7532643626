"""One direction from one state: what the closed form says, what is true, and what is certain."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
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


@dataclass(frozen=True)
class Push:
    """How fast a token gains probability along a ray, per unit length, at its start."""

    rate: float
    id: int
    text: str


@dataclass(frozen=True, eq=False)
class Ray:
    """The line `vector + t·direction`, with the law of the logit slope along it.

    `slopes` are the centred `a_c` of every token; `t` is a length in the state's own coordinates,
    negative on the minus side. Divergences are in nats.
    """

    state: State
    direction: Float[Tensor, " d"] = field(repr=False)
    slopes: Float[ndarray, " V"] = field(repr=False)

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

    def certificates(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
        """Guaranteed distances of the boundary: (minus, plus) × (inner, outer), for every `ε`.

        Infinite in a direction without curvature, where no boundary exists.
        """
        for nats in epsilon:
            require_nats(float(nats))
        if not self.curvature > 0:
            return np.full((2, 2, len(epsilon)), np.inf)
        tokens = self.law.tokens
        return np.array(
            [brackets(sign * tokens.values, tokens.weights, epsilon) for sign in (-1, 1)]
        )

    def certificate(self, epsilon: float) -> tuple[Bracket, Bracket] | None:
        """Guaranteed `(inner, outer)` distances of the minus and of the plus boundary.

        None in a direction without curvature, where no boundary exists.
        """
        found = self.certificates(np.array([epsilon]))[..., 0]
        if not np.isfinite(found).all():
            return None
        minus, plus = ((inner, outer) for inner, outer in found.tolist())
        return minus, plus

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 m"]:
        """Distances, (minus, plus), at which the true divergence reaches every `ε`.

        Infinite in a direction without curvature.
        """
        for nats in epsilon:
            require_nats(float(nats))
        if not self.curvature > 0:
            return np.full((2, len(epsilon)), np.inf)
        return self.law.boundaries(epsilon)

    def boundary(self, epsilon: float) -> tuple[float | None, float | None]:
        """Distances `(minus, plus)` at which the true divergence reaches `ε`.

        The divergence is convex in `t` and grows without bound, so each side has exactly one;
        None only in a direction without curvature.
        """
        minus, plus = self.boundaries(np.array([epsilon]))[:, 0].tolist()
        return (minus, plus) if math.isfinite(minus) else (None, None)

    def probabilities(
        self, t: Float[ndarray, " n"], tokens: Int[ndarray, " m"] | slice = slice(None)
    ) -> Float[ndarray, "m n"]:
        """Probabilities of tokens along the ray, `p_i exp(t·a_c,i − KL(t))`."""
        growth = np.outer(self.slopes[tokens], t) - self.kl(t)
        return self.law.tokens.weights[tokens][:, None] * np.exp(growth)

    def pushed(self, n: int) -> tuple[list[Push], list[Push]]:
        """Tokens that lose and gain most probability per unit length, `dp_i/dt = p_i a_c,i`."""
        rates = self.law.tokens.weights * self.slopes
        losing, gaining = (
            [Push(float(rates[i]), int(i), self.state.text(int(i))) for i in side]
            for side in (newton.largest(-rates, n), newton.largest(rates, n))
        )
        return losing, gaining

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
        # self-concordance keeps the quadratic within half of `tolerance` up to the first point
        start = min(tolerance, 1) / np.ptp(self.slopes)
        grid = np.geomspace(start, 100 * np.sqrt(2 / self.curvature), 400)
        minus, plus = (self._leaves(sign * grid, tolerance) for sign in (-1, 1))
        return minus, plus

    def _leaves(self, grid: Float[ndarray, " n"], tolerance: float) -> float | None:
        """Where the quadratic leaves the true KL: by the merged law, or by all tokens if need be."""
        t = self._departure(self.law.merged, grid, tolerance)
        if t is not None:
            signed = np.sign(grid[:1]) * t
            kl = self.law.merged.kl_and_slope(signed)[0]
            if self.law.merge_error(signed, kl) <= 1e-3 * tolerance * kl:
                return t
        return self._departure(self.law.tokens, grid, tolerance)

    def _departure(
        self, atoms: Atoms, grid: Float[ndarray, " n"], tolerance: float
    ) -> float | None:
        """Where along `grid` `½κ₂t²/KL` first leaves `[1 − tolerance, 1 + tolerance]`."""
        parts = np.array_split(grid, 20)  # a grid times a vocabulary would be a gigabyte
        ratio = self.quadratic(grid) / np.concatenate([atoms.kl_and_slope(t)[0] for t in parts])
        outside = np.flatnonzero(np.abs(ratio - 1) > tolerance)
        if not outside.size:
            return None
        first = outside[0]
        side, sign = np.sign(ratio[first] - 1), np.sign(grid[0])

        def departure(u: ndarray) -> tuple[ndarray, ndarray]:
            t = sign * np.exp(u)
            kl, slope = atoms.kl_and_slope(t)
            value = np.log(self.quadratic(t) / kl) - np.log1p(side * tolerance)
            return side * value, side * (2 - t * slope / kl)

        log_t = np.log(np.abs(grid[[first - 1, first]]))
        return float(np.exp(newton.solve(departure, log_t[:1], log_t[1:]))[0])


def ray(state: State, direction: Float[Tensor, " d"] | Float[ndarray, " d"]) -> Ray:
    """The ray from `state` along `direction`, whose length does not matter.

    Raises StabilityError if the direction is zero, not finite or of the wrong length, or if the
    logits are not linear in the state.
    """
    [found] = rays(state, [direction])
    return found


def rays(
    state: State, directions: Iterable[Float[Tensor, " d"] | Float[ndarray, " d"]]
) -> list[Ray]:
    """The rays along several directions, in one read of `W_U`; raises as `ray` does."""
    units = [unit(v, state.readout.width).to(state.vector.device) for v in directions]
    slopes = fisher.centred_slopes(state, torch.stack(units, dim=1)).T.contiguous().cpu().numpy()
    return [Ray(state, v, own) for v, own in zip(units, slopes, strict=True)]
