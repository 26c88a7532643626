"""The law of a plane: some thousand atoms that stand for a vocabulary, for KL at any point.

Where logits are linear, `KL(x, y) = log E[exp(x·a + y·b)]` with the centred slopes of both axes. The
tokens that weigh most anywhere in reach stay as they are; the others share the cells of a grid of
slopes, each with four atoms that have the mean and the covariance of the cell. What merging does is
measured where the distances are known.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.exact.discrete_measure import DiscreteMeasure
from stability.instrument.law import NEGLIGIBLE
from stability.instrument.polar import Polar
from stability.numerics import largest

# relative, of a divergence
TOLERANCE = 5e-5
# tokens that stay as they are, and cells a side
SIZES = ((256, 16), (512, 24), (1024, 24), (2048, 32), (4096, 48))
# parts of a turn by which tokens are told apart
TURNS = 720
# of the angles, those between which merging is measured
STRIDE = 5


@dataclass(frozen=True, eq=False)
class Planar:
    """Atoms with a slope along either axis, and the logarithms of their weights."""

    slopes: Float[ndarray, "n 2"]
    log_weights: Float[ndarray, " n"]

    def kl(self, points: Float[ndarray, "k 2"]) -> Float[ndarray, " k"]:
        """The divergence at points of the plane, in nats."""
        shifts = points @ self.slopes.T
        measure = DiscreteMeasure(shifts, np.exp(self.log_weights), self.log_weights)
        return measure.kl_and_slope(np.ones((len(points), 1)))[0][:, 0]


def planar(slopes: Float[ndarray, "V 2"], log_probs: Float[ndarray, " V"], table: Polar) -> Planar:
    """Few atoms that stand for all tokens as far as the table goes.

    Args:
        slopes: the centred slopes of every token along both axes.
        log_probs: of every token.
        table: the distances of levels all around the plane, by all tokens.
    """
    log_shares = _largest_log_shares(slopes, log_probs, table)
    matter = np.flatnonzero(log_shares >= NEGLIGIBLE)
    slopes, log_probs, log_shares = slopes[matter], log_probs[matter], log_shares[matter]
    between, on = _between(table), table.points[::STRIDE]
    known = np.isfinite(on).all(axis=2)
    points = np.concatenate([between, on[known]])
    nats = Planar(slopes, log_probs).kl(between)
    nats = np.append(nats, np.broadcast_to(table.levels, known.shape)[known])
    for kept, cells in SIZES:
        if len(slopes) <= kept + 4 * cells**2:
            break
        leading = largest(log_shares, kept)
        others = np.delete(np.arange(len(slopes)), leading)
        merged = _merged(slopes[others], np.exp(log_probs[others]), cells)
        atoms = Planar(
            np.concatenate([slopes[leading], merged.slopes]),
            np.concatenate([log_probs[leading], merged.log_weights]),
        )
        if (np.abs(atoms.kl(points) - nats) <= TOLERANCE * nats).all():
            return atoms
    return Planar(slopes, log_probs)


def _largest_log_shares(
    slopes: Float[ndarray, "V 2"], log_probs: Float[ndarray, " V"], table: Polar
) -> Float[ndarray, " V"]:
    """The logarithm of the largest probability that each token has at any point of the table.

    On a ring of one level that is `log p + max_x a·x` less the level, and the maximum depends on the
    token by the angle of its slopes alone, but for a factor.
    """
    angles = 2 * np.pi * (np.arange(TURNS) + 0.5) / TURNS
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    sizes = np.hypot(*slopes.T)
    turn = np.arctan2(slopes[:, 1], slopes[:, 0]) % (2 * np.pi) * (TURNS / (2 * np.pi))
    turn = np.minimum(turn.astype(int), TURNS - 1)
    shares = log_probs.copy()
    for level, points in zip(table.levels, np.swapaxes(table.points, 0, 1), strict=True):
        known = np.isfinite(points).all(axis=1)
        furthest = (towards @ points[known].T).max(axis=1, initial=0.0)
        np.maximum(shares, log_probs + sizes * furthest[turn] - level, out=shares)
    return shares


def _between(table: Polar) -> Float[ndarray, "k 2"]:
    """Points halfway between neighbours of a ring, at one level after the other."""
    middles = 0.5 * (table.points + np.roll(table.points, 1, axis=0))[::STRIDE]
    levels = np.arange(len(middles)) % len(table.levels)
    points = middles[np.arange(len(middles)), levels]
    return points[np.isfinite(points).all(axis=1)]


def _merged(slopes: Float[ndarray, "n 2"], weights: Float[ndarray, " n"], cells: int) -> Planar:
    """Four atoms for each cell of a grid: they have its mass, its mean and its covariance."""
    low, width = slopes.min(axis=0), np.ptp(slopes, axis=0) / cells
    column, row = (
        np.minimum((slopes - low) / np.where(width > 0, width, 1), cells - 1).astype(int).T
    )
    index = column * cells + row

    def summed(values: Float[ndarray, " n"]) -> Float[ndarray, " k"]:
        return np.bincount(index, values, cells**2)

    mass = summed(weights)
    safe_mass = np.where(mass > 0, mass, 1.0)
    mean = np.stack([summed(weights * a) / safe_mass for a in slopes.T], axis=1)
    dx, dy = (slopes - mean[index]).T
    xx, xy, yy = (summed(weights * part) / safe_mass for part in (dx * dx, dx * dy, dy * dy))
    held = mass > 0
    covariance = np.stack([xx, xy, xy, yy], axis=1).reshape(-1, 2, 2)[held]
    variances, axes = np.linalg.eigh(covariance)
    steps = np.swapaxes(np.sqrt(2 * np.maximum(variances, 0))[:, None] * axes, 1, 2)
    atoms = mean[held, None] + np.concatenate([steps, -steps], axis=1)
    return Planar(atoms.reshape(-1, 2), np.repeat(np.log(mass[held] / 4), 4))
