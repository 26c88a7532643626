"""Crossings and argmax changes along lines on which the logits are not linear in the distance.

Below the readout the divergence along a line is not convex and may never reach `ε`, as the final norm
saturates. So the boundary is the *first* crossing. Lines are sampled at distances that grow by a fixed
factor, from half of the closed form's radius for `FIRST` nats, or a tenth of the norm if that is less,
out to some multiple of the state's norm, beyond which the direction is all that is left of the vector.
An interval in which something happens is subdivided and sampled again, and interpolated at the end.
Whatever begins and ends within one interval is missed, and a jump is located to a 64th of its interval.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.exact.flips import Flip
from stability.prediction.perturbation import Perturbed, perturb
from stability.prediction.state import State

STEP = 1.2  # factor between distances
REACH = 5.0  # norms of the state's vector
FIRST = 1e-4  # nats; sampling begins at half of the closed form's radius for this
STRIDES = 8  # distances sampled together
# 20 % / 64 is left of an interval, and interpolation errs by the square of that
PARTS, ROUNDS = 8, 2
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
    ) -> Float[ndarray, "m k"]:
        """Distance at which each line first reaches every `ε`; infinite where it does not."""
        samples = samples or self.sample(min(FIRST, epsilon.min()), epsilon.max())
        t, kl = samples.t, samples.kl
        lines, levels = (part.ravel() for part in np.indices((len(t), len(epsilon))))
        reached = kl[lines] >= epsilon[levels][:, None]
        after = np.where(reached.any(axis=1), reached.argmax(axis=1), 0)
        distances = np.full(len(lines), np.inf)
        some = np.flatnonzero(after > 0)
        if some.size:
            at = lines[some], after[some]
            ends = t[at[0], at[1] - 1], t[at], kl[at[0], at[1] - 1], kl[at]
            distances[some] = self._refined(at[0], epsilon[levels[some]], *ends)
        distances[distances > self.limit] = np.inf
        return distances.reshape(len(t), len(epsilon))

    def _refined(
        self,
        lines: Int[ndarray, " n"],
        level: Float[ndarray, " n"],
        low: Float[ndarray, " n"],
        high: Float[ndarray, " n"],
        kl_low: Float[ndarray, " n"],
        kl_high: Float[ndarray, " n"],
    ) -> Float[ndarray, " n"]:
        """First crossings within intervals, by subdivision and a power law in what is left."""
        rows = np.arange(len(lines))
        for _ in range(ROUNDS):
            inner = _subdivisions(low, high)
            kl = self.at(np.repeat(lines, PARTS - 1), inner.ravel()).kl.reshape(inner.shape)
            t = np.concatenate([low[:, None], inner, high[:, None]], axis=1)
            kl = np.concatenate([kl_low[:, None], kl, kl_high[:, None]], axis=1)
            after = (kl >= level[:, None]).argmax(axis=1)
            low, high = t[rows, after - 1], t[rows, after]
            kl_low, kl_high = kl[rows, after - 1], kl[rows, after]
        with np.errstate(divide="ignore", invalid="ignore"):
            power = np.log(kl_high / kl_low) / np.log(high / low)
        # from the state itself: a parabola
        power = np.where((low > 0) & (kl_low > 0), power, 2.0)
        return np.clip(high * (level / kl_high) ** (1 / power), low, high)

    def flips(self, samples: LineSamples, limit: int) -> list[list[Flip]]:
        """The first `limit` argmax changes along each sampled line, in order of distance."""
        lines = np.arange(len(self.curvatures))
        t, winners = samples.t, samples.winners
        for _ in range(ROUNDS):
            lines, low, high, before, after = _changes(lines, t, winners, limit)
            inner = _subdivisions(low, high)
            between = self.at(np.repeat(lines, PARTS - 1), inner.ravel()).argmax.reshape(
                inner.shape
            )
            t = np.concatenate([low[:, None], inner, high[:, None]], axis=1)
            winners = np.concatenate([before[:, None], between, after[:, None]], axis=1)
        lines, low, high, before, after = _changes(lines, t, winners, limit)
        ends = self.at(np.tile(lines, 2), np.concatenate([low, high]))
        lead_low, lead_high = np.split(ends.lead(np.tile(before, 2), np.tile(after, 2)), 2)
        fall = np.maximum(lead_low - lead_high, np.finfo(float).tiny)
        distances = low + (high - low) * np.clip(lead_low / fall, 0, 1)
        flips: list[list[Flip]] = [[] for _ in self.curvatures]
        for line, distance, token in zip(lines, distances.tolist(), after.tolist(), strict=True):
            if distance <= self.limit:
                flips[line].append(Flip(distance, token, self.state.text(token)))
        return flips


def _changes(
    lines: Int[ndarray, " m"],
    t: Float[ndarray, "m n"],
    winners: Int[ndarray, "m n"],
    limit: int,
) -> tuple[ndarray, ...]:
    """The first `limit` intervals of each line whose ends have different winners.

    For each: the line, both distances, both winners.
    """
    rows, i = np.nonzero(winners[:, 1:] != winners[:, :-1])
    owners = lines[rows]
    rank = np.arange(len(owners)) - np.searchsorted(owners, owners)
    rows, i = rows[rank < limit], i[rank < limit]
    return lines[rows], t[rows, i], t[rows, i + 1], winners[rows, i], winners[rows, i + 1]


def _subdivisions(
    low: Float[ndarray, " n"], high: Float[ndarray, " n"]
) -> Float[ndarray, "n parts"]:
    """The points that divide intervals into `PARTS` equal parts."""
    return low[:, None] + (high - low)[:, None] * np.arange(1, PARTS) / PARTS
