"""The distances at which KL reaches some levels, all around a plane.

Half of the angles are even, and half are where the closed form's ellipse is a circle, after
`(x, y) = F u` with `F = (EᵀHE)^{−1/2}`: however long the region is, its tips are drawn as finely as its
sides.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from stability.curvature import fisher
from stability.exact.discrete_measure import DiscreteMeasure
from stability.exact.self_concordance import brackets
from stability.exact.slope_distribution import SlopeDistribution, boundaries
from stability.geometry.region import CANCELLED_CURVATURE, Region
from stability.instrument.epsilons import EPSILON_STEPS, LARGEST_EPSILON, SMALLEST_EPSILON
from stability.instrument.law import that_matter
from stability.numerical.crossings import Lines

# lines through the state, each with two directions, and the least angle between two
LINES, NUMERICAL_LINES, APART = 60, 18, 1e-6
NUMERICAL_LEVELS = np.array(EPSILON_STEPS[::3])
# where logits are linear divergences are told further out than a budget can be chosen
LEVELS = np.append(NUMERICAL_LEVELS, [2 * LARGEST_EPSILON, 4 * LARGEST_EPSILON])
# relative, of a level: what merging may do to a divergence
MERGE_TOLERANCE = 1e-6
INTERVALS = (128, 512, 2048)
# of whose tokens all are kept in memory
LINES_AT_ONCE = 10
SIDES = np.array([[-1.0], [1.0]])


@dataclass(frozen=True, eq=False)
class Polar:
    """Distances in a plane, in coordinates, by direction and level; infinite where it is not reached.

    `directions` are unit vectors of the plane, in order of their angle from the first axis; `slopes`
    are `d log distance / d log ε`, None where logits are not linear.
    """

    directions: Float[ndarray, "n 2"]
    levels: Float[ndarray, " m"]
    distances: Float[ndarray, "n m"]
    slopes: Float[ndarray, "n m"] | None

    @property
    def angles(self) -> Float[ndarray, " n"]:
        """From the first axis towards the second, in radians."""
        return np.arctan2(self.directions[:, 1], self.directions[:, 0]) % (2 * np.pi)

    @property
    def points(self) -> Float[ndarray, "n m 2"]:
        """The points of the plane at these distances, NaN where there is none."""
        distances = np.where(np.isfinite(self.distances), self.distances, np.nan)
        return distances[..., None] * self.directions[:, None]


def polar(region: Region) -> Polar | None:
    """The table of a plane; None where it has a direction without curvature."""
    values, vectors = np.linalg.eigh(region.curvature)
    if not values[0] > max(CANCELLED_CURVATURE * values[1], np.finfo(float).tiny):
        return None
    lines = LINES if region.state.is_linear else NUMERICAL_LINES
    half = _half_circle(vectors / np.sqrt(values / values[1]) @ vectors.T, lines)
    directions = np.concatenate([half, -half])
    if region.state.is_linear:
        return Polar(directions, LEVELS, *_exact(region, directions))
    return Polar(directions, NUMERICAL_LEVELS, _numerical(region, directions), None)


def _half_circle(frame: Float[ndarray, "2 2"], lines: int) -> Float[ndarray, "n 2"]:
    """Directions of half a turn: half of them even, and half even where the ellipse is a circle."""
    middles = np.pi * (np.arange(lines // 2) + 0.5) / (lines // 2)
    circle = np.stack([np.cos(middles), np.sin(middles)], axis=1) @ frame
    even = middles - middles[0]
    angles = np.sort(np.concatenate([even, np.arctan2(circle[:, 1], circle[:, 0]) % np.pi]))
    angles = angles[np.diff(angles, append=np.pi) > APART]
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _exact(
    region: Region, directions: Float[ndarray, "n 2"]
) -> tuple[Float[ndarray, "n m"], Float[ndarray, "n m"]]:
    """Distances and slopes where logits are linear: both sides of each line from one distribution."""
    probs, log_probs = (part.cpu().numpy() for part in (region.state.probs, region.state.log_probs))
    values = directions[: len(directions) // 2] @ region.slopes.T
    tokens = DiscreteMeasure(values, probs, log_probs)
    distances, slopes = np.empty((2, len(values), 2, len(LEVELS)))
    left = np.arange(len(values))
    # merging loses weights that underflow
    for intervals in () if tokens.underflows else INTERVALS:
        distribution = SlopeDistribution.of(_lines(tokens, left), intervals)
        distances[left], slopes[left] = _along(distribution.merged)
        left = left[_is_rough(distribution, distances[left])]
        if not left.size:
            break
    for some in np.array_split(left, range(LINES_AT_ONCE, left.size, LINES_AT_ONCE)):
        if some.size:
            lines = _lines(tokens, some)
            outer = brackets(lines, LEVELS[-1:])[:, :, 1, 0]
            distances[some], slopes[some] = _along(that_matter(lines, outer))
    # the minus side of a line is the plus side in the opposite direction
    around = [np.concatenate([part[:, 1], part[:, 0]]) for part in (distances, slopes)]
    return around[0], around[1]


def _along(
    measure: DiscreteMeasure,
) -> tuple[Float[ndarray, "*batch 2 m"], Float[ndarray, "*batch 2 m"]]:
    """Distances (minus, plus) of every level, and `d log t / d log ε = ε/(t·KL′(t))`."""
    distances = boundaries(measure, LEVELS)
    reached = np.isfinite(distances)
    t = np.where(reached, distances, 1.0) * SIDES
    flat = t.reshape(*t.shape[:-2], -1)
    slope = measure.kl_and_slope(flat)[1].reshape(t.shape)
    return distances, np.where(reached, LEVELS / (t * slope), np.nan)


def _lines(tokens: DiscreteMeasure, which: Int[ndarray, " k"]) -> DiscreteMeasure:
    return DiscreteMeasure(tokens.values[which], tokens.weights, tokens.log_weights)


def _is_rough(
    distribution: SlopeDistribution, distances: Float[ndarray, "k 2 m"]
) -> Bool[ndarray, " k"]:
    """Where merging may take more than `MERGE_TOLERANCE` of a level."""
    t = (np.where(np.isinf(distances), 0.0, distances) * SIDES).reshape(len(distances), -1)
    nats = np.broadcast_to(np.tile(LEVELS, 2), t.shape)
    is_fine = distribution.merge_error(t, nats) <= MERGE_TOLERANCE * nats
    return np.logical_not(is_fine.all(axis=1))


def _numerical(region: Region, directions: Float[ndarray, "n 2"]) -> Float[ndarray, "n m"]:
    """First distances where logits are not linear: between samples a power law.

    Samples are a fifth of their distance apart: see `numerical.crossings`.
    """
    import torch

    curvatures = fisher.along(region.curvature, directions)
    spread = region.axes @ torch.from_numpy(directions.T).to(region.axes)
    lines = Lines(region.state, spread, curvatures)
    samples = lines.sample(SMALLEST_EPSILON, LARGEST_EPSILON)
    highest = np.maximum.accumulate(samples.kl, axis=1)
    distances = np.full((len(directions), len(NUMERICAL_LEVELS)), np.inf)
    for row, (t, kl) in enumerate(zip(samples.t[:, 1:], highest[:, 1:], strict=True)):
        within = np.isfinite(kl) & (kl > 0)
        grows = np.flatnonzero(np.diff(kl[within], prepend=0.0) > 0)
        log_t, log_kl = np.log(t[within][grows]), np.log(kl[within][grows])
        # a parabola from the state to the first sample
        log_t = np.concatenate([log_t[:1] - 10, log_t])
        log_kl = np.concatenate([log_kl[:1] - 20, log_kl])
        reached = np.log(NUMERICAL_LEVELS) <= log_kl[-1]
        distances[row, reached] = np.exp(
            np.interp(np.log(NUMERICAL_LEVELS[reached]), log_kl, log_t)
        )
    return np.where(distances > lines.limit, np.inf, distances)
