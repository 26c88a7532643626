"""The truth along a ray where logits are linear: exact, by the distribution of the slope."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability import numerics
from stability.curvature import fisher
from stability.exact import flips, moment_bounds, self_concordance
from stability.exact.boundaries import Boundaries
from stability.exact.discrete_measure import DiscreteMeasure
from stability.exact.flips import Flip
from stability.exact.slope_distribution import SlopeDistribution
from stability.exact.token_measure import TokenMeasure
from stability.prediction.state import State


@dataclass(frozen=True, eq=False)
class ExactLine:
    """The truth along both sides of a ray on which every logit moves on a straight line.

    `slopes` are the centred `a_c` of every token.
    """

    state: State
    slopes: Float[Tensor, " V"]

    @cached_property
    def distribution(self) -> SlopeDistribution:
        """The distribution of the slope under the next-token probabilities."""
        state = self.state
        return SlopeDistribution(TokenMeasure(self.slopes, state.probs, state.log_probs))

    @cached_property
    def cumulants(self) -> tuple[float, float, float]:
        """`κ₂, κ₃, κ₄` of the slope: curvature, asymmetry of the sides, and the next term."""
        second, third, fourth = self.distribution.slopes.cumulants().tolist()
        return second, third, fourth

    @cached_property
    def rounding(self) -> Float[ndarray, " 2"]:
        """How far rounding moves a radius on either side, as a part of it: `radius_rounding`."""
        steepest = torch.stack([self.slopes.argmin(), self.slopes.argmax()])
        ids, rises = torch.stack([steepest.double(), self.slopes[steepest].abs()]).cpu().numpy()
        return radius_rounding(self.state, np.array(self.cumulants[0]), ids.astype(int), rises)

    def kl(self, t: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """The divergence at points of the line, in nats."""
        return self.distribution.kl(t)

    resolution = 0.0  # nats: no boundary is so near that rounding hides it

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Boundaries:
        """Where the divergence reaches every `ε`, (minus, plus).

        The divergence is convex in `t` and grows without bound, so each side has exactly one, unless
        all slopes are equal.
        """
        distances = self.distribution.boundaries(epsilon)
        return Boundaries(distances, jumps=np.zeros(distances.shape, dtype=bool))

    def certificates(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
        """Guaranteed distances of the boundary: (minus, plus) × (inner, outer), for every `ε`."""
        return self_concordance.brackets(self.distribution.slopes, epsilon, self.rounding)

    def moment_brackets(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
        """The same, and tighter, from the first four moments of the slope and its ends."""
        return moment_bounds.brackets(self.distribution.tokens, epsilon, self.rounding)

    def probabilities(
        self, t: Float[ndarray, " n"], tokens: Int[ndarray, " m"]
    ) -> Float[ndarray, "m n"]:
        """Probabilities of tokens along the ray, `p_i exp(t·a_c,i − KL(t))`."""
        measure = self.distribution.tokens
        growth = np.outer(measure.values[tokens], t) - self.kl(t)
        return np.exp(growth + measure.log_weights[tokens][:, None])

    def flips(self, limit: int) -> tuple[list[Flip], list[Flip]]:
        """The argmax changes on the minus and on the plus side, in order of distance."""
        return flips.along(self.state, self.slopes, limit)

    def trust_range(self, tolerance: float) -> tuple[float | None, float | None]:
        """The first `t` of each side at which the quadratic is off by `tolerance` of the true KL."""
        span = float(self.distribution.spans)
        # equal slopes change nothing, whatever variance rounding gives them
        if not span:
            return None, None
        # self-concordance keeps the quadratic within half of `tolerance` up to the first point
        start = min(tolerance, 1) / span
        end = 100 * (fisher.radius(self.cumulants[0], 1.0) or np.inf)
        grid = np.geomspace(start, end, 400)
        minus, plus = (self._leaves(sign * grid, tolerance) for sign in (-1, 1))
        return minus, plus

    def _leaves(self, grid: Float[ndarray, " n"], tolerance: float) -> float | None:
        """Where the quadratic leaves the true KL: by the merged measure, or else by all tokens."""
        if self.distribution.slopes.underflows:  # what merging loses
            return self._departure(self.distribution.tokens, grid, tolerance)
        t = self._departure(self.distribution.merged, grid, tolerance)
        if t is not None:
            signed = np.sign(grid[:1]) * t
            kl = self.distribution.merged.kl_and_slope(signed)[0]
            if self.distribution.merge_error(signed, kl) <= 1e-3 * tolerance * kl:
                return t
        return self._departure(self.distribution.tokens, grid, tolerance)

    def _departure(
        self, measure: DiscreteMeasure, grid: Float[ndarray, " n"], tolerance: float
    ) -> float | None:
        """Where along `grid` `½κ₂t²/KL` first leaves `[1 − tolerance, 1 + tolerance]`."""
        parts = np.array_split(grid, 20)  # a grid times a vocabulary would be a gigabyte
        curvature = self.cumulants[0]
        kl = np.concatenate([measure.kl_and_slope(t)[0] for t in parts])
        # both are zero where the square of a distance underflows
        quadratic = fisher.quadratic(curvature, grid)
        ratio = np.divide(quadratic, kl, out=np.ones_like(kl), where=kl > np.finfo(float).tiny)
        outside = np.flatnonzero(np.abs(ratio - 1) > tolerance)
        if not outside.size or not outside[0]:
            return None
        first = outside[0]
        side, sign = np.sign(ratio[first] - 1), np.sign(grid[0])

        def departure(u: ndarray) -> tuple[ndarray, ndarray]:
            t = sign * np.exp(u)
            kl, slope = measure.kl_and_slope(t)
            value = np.log(fisher.quadratic(curvature, t) / kl) - np.log1p(side * tolerance)
            return side * value, side * (2 - t * slope / kl)

        log_t = np.log(np.abs(grid[[first - 1, first]]))
        return float(np.exp(numerics.solve(departure, log_t[:1], log_t[1:]))[0])


def radius_rounding(
    state: State,
    curvature: Float[ndarray, "*batch"],
    steepest: Int[ndarray, "*batch 2"],
    rises: Float[ndarray, "*batch 2"],
) -> Float[ndarray, "*batch 2"]:
    """How far rounding moves a radius on the minus and on the plus side, as a part of it.

    `2η + α √((1 − p_top)/κ₂) + α s/max(±a_c)`. Logits off by `η` move KL by `2η` of itself at most,
    and a radius, as `t·KL′ ≥ KL`, by no more. Slopes of other tokens, against that of the likeliest,
    are off by `α = √2` times the readout's rounding. That counts against their spread where `t` is
    small, and against the steepest slope, `rises` of the token `steepest` on either side, where it is
    large; there `s` is 1, or `1 − p_top` where the likeliest token is the steepest, as the others
    centre its slope.
    """
    others, alpha = state.others, math.sqrt(2) * state.readout.rounding
    share = np.where(steepest == state.argmax, others, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_spread = np.sqrt(np.divide(others, curvature))[..., None]
        rounding = 2 * state.logit_rounding + alpha * (by_spread + share / rises)
    return np.where(np.isnan(rounding), np.inf, rounding)
