"""Crossings and argmax changes along lines on which the logits are not linear in the distance.

Below the readout the divergence along a line is not convex and may never reach `ε`, as the final norm
saturates, and it may jump, as where another expert takes over. So the boundary is the *first* crossing.
Lines are sampled at distances that grow by a fifth (`STEP`), from half of the closed form's radius for
`FIRST` nats, or a tenth of the norm if that is less, out to some multiple of the state's norm, beyond
which the direction is all that is left of the vector. The interval in which something happens is
narrowed (`narrowing`) until a crossing is held to 1e-4 of its distance between two evaluations.

What is guaranteed: none of the distances that were evaluated before a boundary has a divergence of `ε`.
A stretch above `ε` is seen if it is as long as a fifth of its distance, and, in the three steps that
end behind the boundary (of a smooth divergence, from half of `ε` on), a twentieth. Shorter ones may
be missed.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.exact.boundaries import Boundaries
from stability.exact.flips import Flip
from stability.numerical import narrowing
from stability.numerical.narrowing import ACCURACY, PARTS
from stability.numerical.rounding import Rounding, rounding
from stability.prediction.perturbation import Perturbed, perturb
from stability.prediction.state import State

STEP = 1.2  # factor between distances
REACH = 5.0  # norms of the state's vector
FIRST = 1e-4  # nats; sampling begins at half of the closed form's radius for this
STRIDES = 8  # distances sampled together
STEPS_BACK = 3  # that end behind a boundary, and are looked through once more
ROUNDS = 2  # of dividing, after which leads are taken for straight
STRAIGHT = 0.05  # of its fall: what is left where a lead should end, if it is
LEAST_NORM = 1e-100  # of a vector of zeros, along which nothing is reached


@dataclass(frozen=True, eq=False)
class LineSamples:
    """Distances along lines, in order, with the divergence and the most likely token at each.

    The first column is the state itself, at distance zero.
    """

    t: Float[ndarray, "m n"]
    kl: Float[ndarray, "m n"]
    winners: Int[ndarray, "m n"]


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines `vector + t·direction`, `t ≥ 0`, from one state, with the curvature along each."""

    state: State
    directions: Float[Tensor, "d m"]
    curvatures: Float[ndarray, " m"]

    @property
    def limit(self) -> float:
        """The greatest distance that is sampled: `REACH` times the norm of the state's vector."""
        return REACH * max(self.state.norm, LEAST_NORM)

    @cached_property
    def rounding(self) -> Rounding:
        """What the network's rounding makes of a displacement."""
        return rounding(self.state)

    def at(self, lines: Int[ndarray, " n"], t: Float[ndarray, " n"]) -> Perturbed:
        """The prediction on `lines[i]` at distance `t[i]`."""
        distances = torch.from_numpy(t).to(self.directions)
        return perturb(self.state, distances[:, None] * self.directions.T[torch.from_numpy(lines)])

    def sample(self, first: float, level: float) -> LineSamples:
        """Sample until every line has reached `level` nats, or the limit.

        `first` is the least divergence (nats) of interest. Beyond its crossing a line is not evaluated
        any more; there the divergence is infinite and the token −1.
        """
        m = len(self.curvatures)
        # a flat direction would begin beyond all that happens
        longest = self.limit / (5 * REACH)
        radii = np.array(
            [min(fisher.radius(c, first) or longest, longest) for c in self.curvatures]
        )
        t, kl = np.zeros((m, 1)), np.zeros((m, 1))
        winners = np.full((m, 1), self.state.argmax)
        while (open_lines := np.flatnonzero(kl.max(axis=1) < level)).size:
            if t[open_lines, -1].min() >= self.limit:
                break
            ahead = 0.5 * radii[:, None] * STEP ** (t.shape[1] - 1 + np.arange(STRIDES))
            t = np.concatenate([t, ahead], axis=1)
            predictions = self.at(np.repeat(open_lines, STRIDES), ahead[open_lines].ravel())
            new_kl, new_winners = np.full((m, STRIDES), np.inf), np.full((m, STRIDES), -1)
            new_kl[open_lines] = predictions.kl.reshape(-1, STRIDES)
            new_winners[open_lines] = predictions.argmax.reshape(-1, STRIDES)
            kl = np.concatenate([kl, new_kl], axis=1)
            winners = np.concatenate([winners, new_winners], axis=1)
        return LineSamples(t, kl, winners)

    def crossings(
        self, epsilon: Float[ndarray, " k"], samples: LineSamples | None = None
    ) -> Boundaries:
        """Where each of `m` lines first reaches every `ε`, (m, k): see `Boundaries`."""
        distances = np.full((len(self.curvatures), len(epsilon)), np.inf)
        jumps = np.zeros(distances.shape, dtype=bool)
        resolved = epsilon >= self.rounding.resolution
        distances[:, ~resolved] = np.nan
        if resolved.any():
            levels = epsilon[resolved]
            samples = samples or self.sample(min(FIRST, levels.min()), levels.max())
            distances[:, resolved], jumps[:, resolved] = self._first(levels, samples)
        return Boundaries(distances, jumps)

    def _first(
        self, epsilon: Float[ndarray, " k"], samples: LineSamples
    ) -> tuple[Float[ndarray, "m k"], Bool[ndarray, "m k"]]:
        """The first crossings of sampled lines, and whether the divergence jumps there."""
        t, kl = samples.t, samples.kl
        reached = kl[:, None, :] >= epsilon[:, None]
        lines, levels = np.nonzero(reached.any(axis=2))
        after = reached.argmax(axis=2)[lines, levels]
        steps = np.maximum(after[:, None] + np.arange(-STEPS_BACK, 1), 0)
        stretch = t[lines[:, None], steps], kl[lines[:, None], steps]
        distances, jumps = np.full(reached.shape[:2], np.inf), np.zeros(reached.shape[:2], bool)
        if lines.size:
            distances[lines, levels], jumps[lines, levels] = narrowing.first_crossings(
                lambda lines, t: self.at(lines, t).kl,
                lines,
                epsilon[levels],
                *stretch,
                self.rounding.kl,
            )
        beyond = distances > self.limit
        return np.where(beyond, np.inf, distances), jumps & ~beyond

    def flips(self, samples: LineSamples, limit: int) -> list[list[Flip]]:
        """The first `limit` argmax changes along each sampled line, in order of distance.

        Where a lead jumps, the change is held to 1e-4 of its distance; elsewhere it is interpolated.
        """

        def winners_at(lines: Int[ndarray, " n"], t: Float[ndarray, " n"]) -> Int[ndarray, " n"]:
            return self.at(lines, t).argmax

        lines, t, winners = narrowing.changes(
            np.arange(len(self.curvatures)), samples.t, samples.winners, limit
        )
        for _ in range(ROUNDS):
            finer = narrowing.divided(winners_at, lines, t, winners, PARTS)
            lines, t, winners = narrowing.changes(lines, *finer, limit)
        while lines.size:
            distances, bent = self._takeovers(lines, t, winners)
            wide = bent & (np.ptp(t, axis=1) > ACCURACY * t[:, 1])
            if not wide.any():
                break
            finer = narrowing.divided(winners_at, lines[wide], t[wide], winners[wide], PARTS)
            narrower = narrowing.changes(lines[wide], *finer, limit)
            kept = lines[~wide], t[~wide], winners[~wide]
            lines, t, winners = map(np.concatenate, zip(kept, narrower, strict=True))
        flips: list[list[Flip]] = [[] for _ in self.curvatures]
        for i in np.lexsort((t[:, 0], lines)).tolist():
            if distances[i] <= self.limit and len(flips[lines[i]]) < limit:
                token = int(winners[i, 1])
                flips[lines[i]].append(Flip(float(distances[i]), token, self.state.text(token)))
        return flips

    def _takeovers(
        self, lines: Int[ndarray, " n"], t: Float[ndarray, "n 2"], winners: Int[ndarray, "n 2"]
    ) -> tuple[Float[ndarray, " n"], Bool[ndarray, " n"]]:
        """Where leads that are linear within intervals end, and which ones are not."""
        (low, high), (before, after) = t.T, winners.T

        def lead(distances: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
            return self.at(lines, distances).lead(before, after)

        lead_low, lead_high = lead(low), lead(high)
        fall = np.maximum(lead_low - lead_high, np.finfo(float).tiny)
        distances = low + (high - low) * np.clip(lead_low / fall, 0, 1)
        left = np.abs(lead(distances))
        return distances, left > np.maximum(STRAIGHT * fall, 4 * self.rounding.logit)
