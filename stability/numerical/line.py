"""The truth along a line on which the logits are not linear: sampled, and refined at crossings."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.exact import flips
from stability.exact.boundaries import Boundaries
from stability.exact.flips import Flip
from stability.numerical.crossings import FIRST, Lines, LineSamples
from stability.prediction.perturbation import RecentEvaluations
from stability.prediction.state import State


@dataclass(frozen=True, eq=False)
class NumericalLine:
    """The truth along both sides of a ray, where logits are not linear: `−t` first, then `+t`."""

    state: State
    direction: Float[Tensor, " d"]
    curvature: float

    @cached_property
    def _sides(self) -> Lines:
        both = torch.stack([-self.direction, self.direction], dim=1)
        return Lines(self.state, both, np.full(2, self.curvature))

    @property
    def limit(self) -> float:
        """The greatest distance that is looked at."""
        return self._sides.limit

    @cached_property
    def samples(self) -> LineSamples:
        """Both sides sampled out to the limit."""
        return self._sides.sample(FIRST, math.inf)

    @cached_property
    def at(self) -> RecentEvaluations:
        """The prediction at points of the line, memoised for the last few arrays of points."""
        return RecentEvaluations(lambda t: self._sides.at((t >= 0).astype(int), np.abs(t)))

    def kl(self, t: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """The divergence at points of the line, in nats."""
        return self.at(t).kl

    @property
    def resolution(self) -> float:
        """The least `ε`, in nats, at which rounding of the network leaves a boundary to 1 %."""
        return self._sides.rounding.resolution

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Boundaries:
        """Where the divergence first reaches every `ε`, (minus, plus)."""
        samples = self.samples if epsilon.min() >= FIRST else None
        return self._sides.crossings(epsilon, samples)

    def probabilities(
        self, t: Float[ndarray, " n"], tokens: Int[ndarray, " m"]
    ) -> Float[ndarray, "m n"]:
        """Probabilities of tokens at points of the line."""
        return self.at(t).probabilities(tokens)

    def flips(self, limit: int) -> tuple[list[Flip], list[Flip]]:
        """The argmax changes on the minus and on the plus side, in order of distance."""
        # soft-capping changes no argmax
        if self.state.is_at_readout:
            slopes = self.state.readout.slopes(self.direction[:, None])[:, 0]
            return flips.along(self.state, slopes, limit)
        minus, plus = self._sides.flips(self.samples, limit)
        return minus, plus

    def trust_range(self, tolerance: float) -> tuple[float | None, float | None]:
        """The first distance of each side at which the quadratic is off by `tolerance` of the KL."""
        minus, plus = (self._departure(line, tolerance) for line in (0, 1))
        return minus, plus

    def _departure(self, line: int, tolerance: float) -> float | None:
        resolved = self.samples.kl[line] > self.resolution
        t, kl = self.samples.t[line, resolved], self.samples.kl[line, resolved]
        off = np.abs(fisher.quadratic(self.curvature, t) / kl - 1) / tolerance
        outside = np.flatnonzero(off > 1)
        if not outside.size:
            return None
        i = outside[0]
        distance = float(t[0] if i == 0 else np.interp(1.0, off[[i - 1, i]], t[[i - 1, i]]))
        return distance if distance <= self.limit else None
