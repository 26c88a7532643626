"""Lines from a state on which the logits bend: walked outwards in steps, then sharpened.

Below the readout the divergence along a line is not convex and may never reach `ε`, as the final norm
saturates. So the boundary is the *first* crossing: lines are evaluated at distances that grow by a
fixed factor, out to some multiple of the state's norm, beyond which the direction is all that is left
of the vector. The first is half of the closed form's radius for `FIRST` nats, or a tenth of the norm
if that is less. A stretch in which something happens is cut in parts and evaluated again, and what is
left of it is interpolated. What begins and ends within one step is not seen, and a jump is found to a
64th of its step.
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
FIRST = 1e-4  # nats; a walk begins at half of the closed form's radius for this
STRIDES = 8  # steps evaluated together
PARTS, ROUNDS = 8, 2  # 20 % / 64 is left of a step, and interpolation errs by the square of that
LEAST_NORM = 1e-100  # of a vector of zeros, along which nothing is reached


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines `vector + t·direction`, `t ≥ 0`, from one state, with the curvature along each."""

    state: State
    directions: Float[Tensor, "d m"]
    curvatures: Float[ndarray, " m"]

    @property
    def limit(self) -> float:
        """How far lines are followed: `REACH` times the norm of the state's vector."""
        return REACH * max(self.state.norm, LEAST_NORM)

    def at(self, lines: Int[ndarray, " n"], t: Float[ndarray, " n"]) -> Perturbed:
        """The prediction at distances along lines, one each."""
        where = torch.from_numpy(t).to(self.directions)
        return perturb(self.state, where[:, None] * self.directions.T[torch.from_numpy(lines)])

    def walk(self, first: float, level: float) -> tuple[ndarray, ndarray, ndarray]:
        """Distances, divergences and winners, `(m, n)` each, until every line has crossed `level`.

        The first column is the state itself. `first` is the least divergence (nats) of interest.
        What lies beyond a line's crossing is not evaluated in later strides, and said to be infinite.
        """
        m = len(self.curvatures)
        most = self.limit / (5 * REACH)  # or a flat direction would begin beyond all that happens
        radii = np.array([min(fisher.radius(c, first) or most, most) for c in self.curvatures])
        t, kl = np.zeros((m, 1)), np.zeros((m, 1))
        winners = np.full((m, 1), self.state.argmax)
        while (open_lines := np.flatnonzero(kl.max(axis=1) < level)).size:
            if t[open_lines, -1].min() >= self.limit:
                break
            ahead = 0.5 * radii[:, None] * STEP ** (t.shape[1] - 1 + np.arange(STRIDES))
            t = np.concatenate([t, ahead], axis=1)
            found = self.at(np.repeat(open_lines, STRIDES), ahead[open_lines].ravel())
            new_kl, new_winners = np.full((m, STRIDES), np.inf), np.full((m, STRIDES), -1)
            new_kl[open_lines] = found.kl.reshape(-1, STRIDES)
            new_winners[open_lines] = found.argmax.reshape(-1, STRIDES)
            kl = np.concatenate([kl, new_kl], axis=1)
            winners = np.concatenate([winners, new_winners], axis=1)
        return t, kl, winners

    def crossings(
        self, epsilon: Float[ndarray, " k"], walked: tuple[ndarray, ndarray, ndarray] | None = None
    ) -> Float[ndarray, "m k"]:
        """Distance at which each line first reaches every `ε`; infinite where it does not."""
        t, kl, _ = walked or self.walk(min(FIRST, epsilon.min()), epsilon.max())
        lines, levels = (part.ravel() for part in np.indices((len(t), len(epsilon))))
        reached = kl[lines] >= epsilon[levels][:, None]
        after = np.where(reached.any(axis=1), reached.argmax(axis=1), 0)
        found = np.full(len(lines), np.inf)
        some = np.flatnonzero(after > 0)
        if some.size:
            at = lines[some], after[some]
            ends = t[at[0], at[1] - 1], t[at], kl[at[0], at[1] - 1], kl[at]
            found[some] = self._sharpened(at[0], epsilon[levels[some]], *ends)
        found[found > self.limit] = np.inf
        return found.reshape(len(t), len(epsilon))

    def _sharpened(
        self,
        lines: Int[ndarray, " n"],
        level: Float[ndarray, " n"],
        low: Float[ndarray, " n"],
        high: Float[ndarray, " n"],
        kl_low: Float[ndarray, " n"],
        kl_high: Float[ndarray, " n"],
    ) -> Float[ndarray, " n"]:
        """First crossings within stretches, by cutting each and a power law in what is left."""
        rows = np.arange(len(lines))
        for _ in range(ROUNDS):
            inner = _cuts(low, high)
            kl = self.at(np.repeat(lines, PARTS - 1), inner.ravel()).kl.reshape(inner.shape)
            t = np.concatenate([low[:, None], inner, high[:, None]], axis=1)
            kl = np.concatenate([kl_low[:, None], kl, kl_high[:, None]], axis=1)
            after = (kl >= level[:, None]).argmax(axis=1)
            low, high = t[rows, after - 1], t[rows, after]
            kl_low, kl_high = kl[rows, after - 1], kl[rows, after]
        with np.errstate(divide="ignore", invalid="ignore"):
            power = np.log(kl_high / kl_low) / np.log(high / low)
        power = np.where((low > 0) & (kl_low > 0), power, 2.0)  # from the state itself: a parabola
        return np.clip(high * (level / kl_high) ** (1 / power), low, high)

    def changes(self, walked: tuple[ndarray, ndarray, ndarray], limit: int) -> list[list[Flip]]:
        """The first changes of the most likely token along each line within the limit, in order."""
        lines = np.arange(len(self.curvatures))
        t, _, winners = walked
        for _ in range(ROUNDS):
            lines, low, high, before, after = _pairs(lines, t, winners, limit)
            inner = _cuts(low, high)
            here = self.at(np.repeat(lines, PARTS - 1), inner.ravel()).argmax.reshape(inner.shape)
            t = np.concatenate([low[:, None], inner, high[:, None]], axis=1)
            winners = np.concatenate([before[:, None], here, after[:, None]], axis=1)
        lines, low, high, before, after = _pairs(lines, t, winners, limit)
        ends = self.at(np.tile(lines, 2), np.concatenate([low, high]))
        lead = ends.lead(np.tile(before, 2), np.tile(after, 2))
        lead_low, lead_high = np.split(lead, 2)
        fall = np.maximum(lead_low - lead_high, np.finfo(float).tiny)
        where = low + (high - low) * np.clip(lead_low / fall, 0, 1)
        found: list[list[Flip]] = [[] for _ in self.curvatures]
        for line, distance, token in zip(lines, where.tolist(), after.tolist(), strict=True):
            if distance <= self.limit:
                found[line].append(Flip(distance, token, self.state.text(token)))
        return found


def _pairs(
    lines: Int[ndarray, " m"],
    t: Float[ndarray, "m n"],
    winners: Int[ndarray, "m n"],
    limit: int,
) -> tuple[ndarray, ...]:
    """Neighbouring distances with different winners, the first few of each line: the line, both
    distances, both winners.
    """
    rows, i = np.nonzero(winners[:, 1:] != winners[:, :-1])
    owners = lines[rows]
    rank = np.arange(len(owners)) - np.searchsorted(owners, owners)
    rows, i = rows[rank < limit], i[rank < limit]
    return lines[rows], t[rows, i], t[rows, i + 1], winners[rows, i], winners[rows, i + 1]


def _cuts(low: Float[ndarray, " n"], high: Float[ndarray, " n"]) -> Float[ndarray, "n parts"]:
    """The points that cut stretches into equal parts."""
    return low[:, None] + (high - low)[:, None] * np.arange(1, PARTS) / PARTS
