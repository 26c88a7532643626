"""The truth along a ray whose logits are not linear, sampled once for every `ε` and every `t`.

The network is run at distances that grow by a sixteenth, out to where the largest budget is reached.
Where the divergence first reaches a level is interpolated there, and the network is run once more to
see that it does; wherever it does not, as at a jump, `Ray.find` looks for it. So a boundary is the
first crossing of a divergence that stays above `ε` for a sixteenth of its distance; it is held to 1e-3
of it at worst, mostly to 1e-4.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.geometry.ray import Ray
from stability.instrument.epsilons import EPSILON_STEPS, LARGEST_EPSILON
from stability.instrument.law import REACH
from stability.instrument.named import Places, named
from stability.instrument.plain import plain, rounded
from stability.numerical.crossings import STEP
from stability.numerical.line import NumericalLine

LEVELS = np.array(EPSILON_STEPS)
# distances for each of the library's
FINER = 3
# relative, of a level: what interpolation may leave of it, after as many corrections
VERIFIED, ROUNDS = 5e-4, 3
# tokens whose probabilities are sampled, and argmax changes of a side
LEADING, FLIPS = 16, 8
# of a divergence, twice what rounding of the network makes at its resolution
NOISE = 0.04
SIGNS = np.array([-1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Samples:
    """A ray as a browser holds it where logits are not linear.

    `t` are the distances at which the divergence `kl` and the `probabilities` (m, n) of the leading
    tokens `ids`, the most likely first, are known; `boundaries` are those of every step of `ε`, (minus,
    plus), None where there is none, and `kinds` say why: see `exact.boundaries`. `flips` and `reach`
    are those of `Law`.
    """

    variance: float
    reach: tuple[float, float]
    t: Float[ndarray, " n"]
    kl: Float[ndarray, " n"]
    ids: Int[ndarray, " m"]
    probabilities: Float[ndarray, "m n"]
    boundaries: Float[ndarray, "2 k"]
    kinds: ndarray
    flips: Places

    def as_json(self) -> dict[str, Any]:
        """The samples as plain lists and numbers, for the scripts."""
        sent: dict[str, Any] = plain(
            {
                "variance": self.variance,
                "reach": self.reach,
                "t": rounded(self.t),
                "kl": rounded(self.kl),
                "ids": self.ids,
                "probabilities": rounded(self.probabilities, 6),
                "epsilons": LEVELS,
                "boundaries": rounded(self.boundaries),
                "kinds": self.kinds,
                "flips": self.flips,
            }
        )
        return sent


def samples(ray: Ray, truth: NumericalLine) -> Samples:
    """Sample a ray whose curvature is not zero, and whose `truth` is evaluated."""
    flips = ray.flips(limit=FLIPS)
    minus, plus = (
        _distances(ray, truth, side, found[0].distance if found else 0.0)
        for side, found in enumerate(flips)
    )
    t = np.concatenate([-minus[::-1], [0.0], plus])
    kl = ray.kl(t)
    reach = float(minus[-1]), float(plus[-1])
    boundaries, kinds = _boundaries(ray, t, kl)
    ids, places = named(ray, flips, reach, LEADING)
    return Samples(
        variance=ray.curvature,
        reach=reach,
        t=t,
        kl=kl,
        ids=ids,
        probabilities=ray.probabilities(t, ids),
        boundaries=boundaries,
        kinds=kinds,
        flips=places,
    )


def _distances(ray: Ray, truth: NumericalLine, side: int, flip: float) -> Float[ndarray, " n"]:
    """Where a side is sampled: past the boundaries of all levels that it reaches, and a first flip."""
    t, highest = truth.samples.t[side], np.maximum.accumulate(truth.samples.kl[side])
    met = LEVELS[highest[-1] >= LEVELS]
    furthest = float(t[(highest >= met[-1]).argmax()]) if met.size else 0.0
    if len(met) < len(LEVELS):
        furthest = max(furthest, ray.predicted_radius(LARGEST_EPSILON) or 0.0)
    end = min(REACH * max(furthest, min(flip, 4 * furthest)), truth.limit)
    count = np.log(end / t[1]) / np.log(STEP) * FINER
    return np.geomspace(min(t[1], 0.5 * end), end, max(int(np.ceil(count)), FINER) + 1)


def _boundaries(
    ray: Ray, t: Float[ndarray, " n"], kl: Float[ndarray, " n"]
) -> tuple[Float[ndarray, "2 k"], ndarray]:
    """Where each side first reaches every level, and how."""
    sides = [(sign, np.abs(t[sign * t > 0]), kl[sign * t > 0]) for sign in SIGNS]
    sides[0] = (sides[0][0], sides[0][1][::-1], sides[0][2][::-1])
    distances, powers = np.stack([_first_crossings(*side[1:]) for side in sides], axis=1)
    levels = np.broadcast_to(LEVELS, distances.shape)
    tolerance = np.maximum(VERIFIED, NOISE * np.sqrt(ray.resolution / levels))
    known = np.zeros(distances.shape, dtype=bool)
    for _ in range(ROUNDS):
        open_ones = ~known & np.isfinite(distances) & (ray.resolution <= LEVELS)
        if not open_ones.any():
            break
        excess = np.log(ray.kl((SIGNS[:, None] * distances)[open_ones]) / levels[open_ones])
        distances[open_ones] *= np.exp(-excess / powers[open_ones])
        known[open_ones] = np.abs(excess) <= tolerance[open_ones]
    kinds = np.full(distances.shape, "reached", dtype=object)
    again = ~known.all(axis=0)
    if again.any():
        found = ray.find(LEVELS[again])
        known = known[:, again]
        distances[:, again] = np.where(known, distances[:, again], found.distances)
        kinds[:, again] = np.where(known, kinds[:, again], found.kinds)
    return distances, kinds


def _first_crossings(
    t: Float[ndarray, " n"], kl: Float[ndarray, " n"]
) -> tuple[Float[ndarray, " k"], Float[ndarray, " k"]]:
    """Where a side first reaches every level, NaN where it begins or stays beyond, and the power there.

    Between samples the logarithm of the distance is the cubic through the four around.
    """
    with np.errstate(divide="ignore"):
        log_t, log_kl, log_levels = np.log(t), np.log(kl), np.log(LEVELS)
    after = (kl >= LEVELS[:, None]).argmax(axis=1)
    first = np.clip(after[:, None] - 2, 0, len(t) - 4) + np.arange(4)
    x, y = log_kl[first], log_t[first]
    gaps = x[:, :, None] - x[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = (log_levels[:, None, None] - x[:, None]) / gaps
        factors[:, range(4), range(4)] = 1.0
        guesses = np.exp((factors.prod(axis=2) * y).sum(axis=1))
        before = np.maximum(after - 1, 0)
        powers = (log_kl[after] - log_kl[before]) / (log_t[after] - log_t[before])
    inside = (after > 0) & (t[before] <= guesses) & (guesses <= t[after])
    return np.where(inside, guesses, np.nan), np.where(inside, powers, np.nan)
