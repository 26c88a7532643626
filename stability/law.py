"""The law of a logit slope under the next-token distribution: all that a ray needs.

Along `y + t v` the logits move on straight lines `z_i + t a_i`, and the KL divergence from the
start is the cumulant generating function of the centred slope `a_c` under `p`:

    KL(t) = log E_p[exp(t·a_c)].

So a ray is a one-dimensional measure, and a measure can be merged: a thousand atoms stand for a
vocabulary. Arrays may carry leading batch axes, one law for each index.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability import certificate, newton

BINS = 256
MERGE_TOLERANCE = 1e-5  # relative error of a divergence that merging may cause
OVERFLOW = 700.0  # exp of more is infinite in float64


@dataclass(frozen=True, eq=False)
class Atoms:
    """A discrete measure of mean zero: `values` in nats per unit length, `weights` of sum one."""

    values: Float[ndarray, "*batch n"]
    weights: Float[ndarray, "*#batch n"]

    def kl_and_slope(
        self, t: Float[ndarray, "*batch m"]
    ) -> tuple[Float[ndarray, "*batch m"], Float[ndarray, "*batch m"]]:
        """`KL(t)` and `dKL/dt = E_t[a_c]`, the mean slope under the moved distribution.

        As the mean is zero, `E[e^x] = 1 + E[e^x − 1 − x]`, a sum of positive terms that loses
        `1e-16·sqrt(2/KL)` of itself: small divergences keep their digits, the smallest by a series.
        So does the slope: `E[a_c e^x] = E[a_c (e^x − 1)]` has terms of one sign. Beyond the range of
        exp, the largest term is taken out.
        """
        x = t[..., :, None] * self.values[..., None, :]
        ends = t[..., :, None] * self._ends[..., None, :]
        far, near = ends.max(axis=-1) > OVERFLOW, np.abs(ends).max(axis=-1) < newton.SMALL
        growth = np.expm1(np.minimum(x, OVERFLOW) if far.any() else x)
        excess = growth - x
        excess[near] = newton.excess_of_small(x[near])
        gain = (excess @ self.weights[..., None])[..., 0]
        drift = (growth @ (self.weights * self.values)[..., None])[..., 0]
        kl, slope = np.log1p(gain), drift / (1 + gain)
        if far.any():
            with np.errstate(divide="ignore"):
                terms = x + np.log(self.weights)[..., None, :]
            peak = terms.max(axis=-1)
            parts = np.exp(terms - peak[..., None])
            mass = parts.sum(axis=-1)
            slope = np.where(far, (parts @ self.values[..., None])[..., 0] / mass, slope)
            kl = np.where(far, peak + np.log(mass), kl)
        return kl, slope

    @cached_property
    def _ends(self) -> Float[ndarray, "*batch 2"]:
        """The least and the greatest value."""
        return np.stack([self.values.min(axis=-1), self.values.max(axis=-1)], axis=-1)

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "*batch 2 m"]:
        """Distances (minus, plus) at which `KL(t) = ε`, for every `ε`, to a relative 1e-12.

        Newton's method on `log KL` as a function of `log t`, nearly a straight line of slope two,
        safeguarded by bisection of the certified bracket.
        """
        brackets = [certificate.brackets(s * self.values, self.weights, epsilon) for s in (-1, 1)]
        inner, outer = (np.concatenate(ends, axis=-1) for ends in zip(*brackets, strict=True))
        m = len(epsilon)
        sign, target = np.repeat([-1.0, 1.0], m), np.tile(epsilon, 2)

        def log_excess(u: ndarray) -> tuple[ndarray, ndarray]:
            t = sign * np.exp(u)
            kl, slope = self.kl_and_slope(t)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log(kl / target), t * slope / kl

        distances = np.exp(newton.solve(log_excess, np.log(inner), np.log(outer)))
        return distances.reshape(*distances.shape[:-1], 2, m)


def divergence(shift: Float[ndarray, " n"], weights: Float[ndarray, " n"]) -> float:
    """`KL(p₀‖p)` where every logit moves by its `shift`, centred under the `weights` `p₀`."""
    return float(Atoms(shift, weights).kl_and_slope(np.ones(1))[0][0])


@dataclass(frozen=True, eq=False)
class Law:
    """The law on all tokens, with a merged copy that answers for it wherever that is safe."""

    tokens: Atoms

    @cached_property
    def bin_width(self) -> Float[ndarray, "*batch"]:
        """Width `h` of the intervals that are merged."""
        return np.asarray(np.ptp(self.tokens.values, axis=-1) / BINS)

    @cached_property
    def merged(self) -> Atoms:
        """The same law on at most `2·BINS` atoms.

        Each of `BINS` equal intervals keeps its two-point Gauss rule: the two atoms with the
        interval's own mass, mean, variance and third moment.
        """
        values = self.tokens.values
        flat = values.reshape(-1, values.shape[-1])
        weights = np.broadcast_to(self.tokens.weights, values.shape).reshape(flat.shape)
        rules = [_gauss_rules(v, w) for v, w in zip(flat, weights, strict=True)]
        nodes, masses = (
            np.stack(part).reshape(*values.shape[:-1], 2 * BINS)
            for part in zip(*rules, strict=True)
        )
        return Atoms(nodes - (masses * nodes).sum(axis=-1, keepdims=True), masses)

    def merge_error(self, t: Float[ndarray, "*batch m"]) -> Float[ndarray, "*batch m"]:
        """Bound `(th)⁴e^{|t|h}/1536` of what merging takes from `KL(t)`, in nats.

        All even derivatives of `e^{ta}` are positive, so the Gauss rule errs on one side only; its
        remainder is `f⁗/24` times the integral of the square of the best monic quadratic on an
        interval of width `h`, which is at most `(h²/8)²`.
        """
        step = np.abs(t) * self.bin_width[..., None]
        with np.errstate(over="ignore"):  # an infinite bound is a true one
            return step**4 * np.exp(step) / 1536

    def cumulants(self) -> Float[ndarray, "*batch 3"]:
        """`κ₂, κ₃, κ₄` of the series `KL(t) = κ₂t²/2 + κ₃t³/6 + κ₄t⁴/24 + …`.

        κ₂ is the curvature of the closed form; κ₃ tells its two sides apart.
        """
        values = self.tokens.values
        squares = self.tokens.weights * values**2
        second = squares.sum(axis=-1)
        third = (squares * values).sum(axis=-1)
        fourth = (squares * values**2).sum(axis=-1)
        return np.stack([second, third, fourth - 3 * second**2], axis=-1)

    def kl(self, t: Float[ndarray, "*batch m"]) -> Float[ndarray, "*batch m"]:
        """`KL(t) = log E[exp(t·a_c)]` in nats, to a relative `MERGE_TOLERANCE`."""
        kl = self.merged.kl_and_slope(t)[0]
        for unsafe in np.argwhere(self.merge_error(t) > MERGE_TOLERANCE * kl):
            row, i = unsafe[:-1], unsafe[-1:]
            kl[*row, i] = self._row(row).kl_and_slope(t[*row, i])[0]
        return kl

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "*batch 2 m"]:
        """Distances (minus, plus) at which `KL(t) = ε`, for every `ε`."""
        found = self.merged.boundaries(epsilon)
        error = self.merge_error(found.reshape(*found.shape[:-2], -1)).reshape(found.shape)
        unsafe = (error > MERGE_TOLERANCE * epsilon).any(axis=(-2, -1))
        for row in np.argwhere(unsafe):
            found[*row] = self._row(row).boundaries(epsilon)
        return found

    def _row(self, index: Int[ndarray, " b"]) -> Atoms:
        weights = np.broadcast_to(self.tokens.weights, self.tokens.values.shape)
        return Atoms(self.tokens.values[*index], weights[*index])


def _gauss_rules(
    values: Float[ndarray, " n"], weights: Float[ndarray, " n"]
) -> tuple[Float[ndarray, " m"], Float[ndarray, " m"]]:
    """Nodes and weights of the intervals' two-point Gauss rules; empty ones weigh nothing."""
    low, width = values.min(), np.ptp(values) / BINS or 1.0
    index = np.minimum((values - low) / width, BINS - 1).astype(np.intp)
    mass = np.bincount(index, weights, BINS)
    safe_mass = np.where(mass > 0, mass, 1.0)
    centre = low + (np.arange(BINS) + 0.5) * width
    mean = centre + np.bincount(index, weights * (values - centre[index]), BINS) / safe_mass
    deviation = values - mean[index]
    squares = weights * deviation**2
    variance = np.bincount(index, squares, BINS) / safe_mass
    third = np.bincount(index, squares * deviation, BINS) / safe_mass
    # the nodes are roots of u² − (third/variance)·u − variance; the larger first: nothing cancels
    lean = np.divide(third, 2 * variance, out=np.zeros(BINS), where=variance > 0)
    far = np.abs(lean) + np.sqrt(lean**2 + variance)
    near = np.divide(variance, far, out=np.zeros(BINS), where=far > 0)
    right, left = np.where(lean >= 0, (far, near), (near, far))
    share = np.divide(left, right + left, out=np.full(BINS, 0.5), where=far > 0)
    nodes = np.concatenate([mean + right, mean - left])
    return nodes, np.concatenate([mass * share, mass * (1 - share)])
