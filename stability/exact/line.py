"""The truth along a ray where the logits are linear in the state: exact, by the law of the slope."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability import numerics
from stability.curvature import fisher
from stability.exact import flips, moment_bounds
from stability.exact.flips import Flip
from stability.exact.self_concordance import brackets
from stability.exact.slope_distribution import DiscreteMeasure, SlopeDistribution
from stability.prediction.state import State


@dataclass(frozen=True, eq=False)
class ExactLine:
    """The truth along both sides of a ray on which every logit moves on a straight line.

    `slopes` are the centred `a_c` of every token.
    """

    state: State
    slopes: Float[ndarray, " V"]

    @cached_property
    def law(self) -> SlopeDistribution:
        """The law of the slope under the next-token distribution."""
        return SlopeDistribution(DiscreteMeasure(self.slopes, self.state.probs.cpu().numpy()))

    @cached_property
    def cumulants(self) -> tuple[float, float, float]:
        """`κ₂, κ₃, κ₄` of the slope: curvature, asymmetry of the sides, and the next term."""
        second, third, fourth = self.law.cumulants().tolist()
        return second, third, fourth

    def kl(self, t: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """The divergence at points of the line, in nats."""
        return self.law.kl(t)

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 m"]:
        """Distances, (minus, plus), at which the divergence reaches every `ε`.

        The divergence is convex in `t` and grows without bound, so each side has exactly one.
        """
        return self.law.boundaries(epsilon)

    def certificates(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
        """Guaranteed distances of the boundary: (minus, plus) × (inner, outer), for every `ε`."""
        tokens = self.law.tokens
        return np.array(
            [brackets(sign * tokens.values, tokens.weights, epsilon) for sign in (-1, 1)]
        )

    def moment_brackets(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
        """The same, and tighter, from the first four moments of the slope and its ends."""
        return moment_bounds.brackets(self.law.tokens, epsilon)

    def probabilities(
        self, t: Float[ndarray, " n"], tokens: Int[ndarray, " m"]
    ) -> Float[ndarray, "m n"]:
        """Probabilities of tokens along the ray, `p_i exp(t·a_c,i − KL(t))`."""
        growth = np.outer(self.slopes[tokens], t) - self.kl(t)
        return self.law.tokens.weights[tokens][:, None] * np.exp(growth)

    def flips(self, limit: int) -> tuple[list[Flip], list[Flip]]:
        """The argmax changes on the minus and on the plus side, in order of distance."""
        minus, plus = (flips.along(self.state, sign * self.slopes, limit) for sign in (-1, 1))
        return minus, plus

    def trust_range(self, tolerance: float) -> tuple[float | None, float | None]:
        """The first `t` of each side at which the quadratic is off by `tolerance` of the true KL."""
        # self-concordance keeps the quadratic within half of `tolerance` up to the first point
        start = min(tolerance, 1) / np.ptp(self.slopes)
        end = 100 * (fisher.radius(self.cumulants[0], 1.0) or np.inf)
        grid = np.geomspace(start, end, 400)
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
        self, atoms: DiscreteMeasure, grid: Float[ndarray, " n"], tolerance: float
    ) -> float | None:
        """Where along `grid` `½κ₂t²/KL` first leaves `[1 − tolerance, 1 + tolerance]`."""
        parts = np.array_split(grid, 20)  # a grid times a vocabulary would be a gigabyte
        curvature = self.cumulants[0]
        kl = np.concatenate([atoms.kl_and_slope(t)[0] for t in parts])
        ratio = fisher.quadratic(curvature, grid) / kl
        outside = np.flatnonzero(np.abs(ratio - 1) > tolerance)
        if not outside.size:
            return None
        first = outside[0]
        side, sign = np.sign(ratio[first] - 1), np.sign(grid[0])

        def departure(u: ndarray) -> tuple[ndarray, ndarray]:
            t = sign * np.exp(u)
            kl, slope = atoms.kl_and_slope(t)
            value = np.log(fisher.quadratic(curvature, t) / kl) - np.log1p(side * tolerance)
            return side * value, side * (2 - t * slope / kl)

        log_t = np.log(np.abs(grid[[first - 1, first]]))
        return float(np.exp(numerics.solve(departure, log_t[:1], log_t[1:]))[0])
