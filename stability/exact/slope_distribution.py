"""The law of a logit slope under the next-token distribution: all that a ray needs.

Along `y + t v` the logits move on straight lines `z_i + t a_i`, and the KL divergence from the
start is the cumulant generating function of the centred slope `a_c` under `p`:

    KL(t) = log E_p[exp(t·a_c)].

So a ray is a one-dimensional measure, and a measure can be merged: some hundred atoms stand for a
vocabulary. Arrays may carry leading batch axes, one law for each index.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability import numerics
from stability.exact import self_concordance
from stability.prediction.distribution import OVERFLOW

BINS = 128
MERGE_TOLERANCE = 1e-5  # relative error of a divergence that merging may cause
ROUNDING = 1e-12  # of a fourth moment, whose deviations carry 1e-16 of the largest value
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class DiscreteMeasure:
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
        far, near = ends.max(axis=-1) > OVERFLOW, np.abs(ends).max(axis=-1) < numerics.SMALL
        growth = np.expm1(np.minimum(x, OVERFLOW) if far.any() else x)
        excess = growth - x
        excess[near] = numerics.excess_of_small(x[near])
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
        brackets = [
            self_concordance.brackets(s * self.values, self.weights, epsilon) for s in (-1, 1)
        ]
        inner, outer = (np.concatenate(ends, axis=-1) for ends in zip(*brackets, strict=True))
        m = len(epsilon)
        sign, target = np.repeat([-1.0, 1.0], m), np.tile(epsilon, 2)

        def log_excess(u: ndarray) -> tuple[ndarray, ndarray]:
            t = sign * np.exp(u)
            kl, slope = self.kl_and_slope(t)
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log(kl / target), t * slope / kl

        distances = np.exp(numerics.solve(log_excess, np.log(inner), np.log(outer)))
        return distances.reshape(*distances.shape[:-1], 2, m)


def divergence(shift: Float[ndarray, " n"], weights: Float[ndarray, " n"]) -> float:
    """`KL(p₀‖p)` where every logit moves by its `shift`, centred under the `weights` `p₀`."""
    return float(DiscreteMeasure(shift, weights).kl_and_slope(np.ones(1))[0][0])


@dataclass(frozen=True, eq=False)
class SlopeDistribution:
    """The law on all tokens, with a merged copy that answers for it wherever that is safe."""

    tokens: DiscreteMeasure

    @cached_property
    def _rules(self) -> tuple[Float[ndarray, "*batch n"], ...]:
        """Nodes and masses of the intervals' Gauss rules, their defects, and all edges."""
        values = self.tokens.values
        flat = values.reshape(-1, values.shape[-1])
        weights = np.broadcast_to(self.tokens.weights, values.shape).reshape(flat.shape)
        rules = [_gauss_rules(v, w) for v, w in zip(flat, weights, strict=True)]
        return tuple(
            np.stack(part).reshape(*values.shape[:-1], -1) for part in zip(*rules, strict=True)
        )

    @cached_property
    def merged(self) -> DiscreteMeasure:
        """The same law on at most `2·BINS` atoms.

        Each of `BINS` equal intervals keeps its two-point Gauss rule: the two atoms with the
        interval's own mass, mean, variance and third moment.
        """
        nodes, masses, _, _ = self._rules
        return DiscreteMeasure(nodes - (masses * nodes).sum(axis=-1, keepdims=True), masses)

    def merge_error(
        self, t: Float[ndarray, "*batch m"], kl: Float[ndarray, "*batch m"]
    ) -> Float[ndarray, "*batch m"]:
        """Bound of what merging takes from `KL(t)`, in nats, given the merged `KL(t)`.

        A Gauss rule errs on one side only, as all even derivatives of `e^{ta}` are positive: by
        `t⁴e^{ta}/24` somewhere in the interval, times its defect. In `log E` this counts relative to
        the merged `E = e^{KL}`. Added is what the rounding of the nodes themselves may cause.
        """
        _, _, defects, edges = self._rules
        low, high = edges[..., :-1], edges[..., 1:]
        steepest = np.maximum(t[..., None] * low[..., None, :], t[..., None] * high[..., None, :])
        with np.errstate(divide="ignore", over="ignore"):  # an infinite bound is a true one
            fourth_power = 4 * np.log(np.abs(t)) - kl
            terms = np.exp(steepest + fourth_power[..., None])
        terms[np.broadcast_to(defects[..., None, :] == 0, terms.shape)] = 0
        misplaced = 4 * EPS * np.abs(edges).max(axis=-1)[..., None] * np.abs(t)
        return (terms @ defects[..., None])[..., 0] / 24 + misplaced

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
        for unsafe in np.argwhere(self.merge_error(t, kl) > MERGE_TOLERANCE * kl):
            row, i = unsafe[:-1], unsafe[-1:]
            kl[*row, i] = self._row(row).kl_and_slope(t[*row, i])[0]
        return kl

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "*batch 2 m"]:
        """Distances (minus, plus) at which `KL(t) = ε`, for every `ε`; `KL` to `MERGE_TOLERANCE`."""
        found = self.merged.boundaries(epsilon)
        signed = (found * np.array([[-1.0], [1.0]])).reshape(*found.shape[:-2], -1)
        nats = np.broadcast_to(np.tile(epsilon, 2), signed.shape)
        unsafe = (self.merge_error(signed, nats) > MERGE_TOLERANCE * nats).any(axis=-1)
        for row in np.argwhere(unsafe):
            found[*row] = self._row(row).boundaries(epsilon)
        return found

    def _row(self, index: Int[ndarray, " b"]) -> DiscreteMeasure:
        weights = np.broadcast_to(self.tokens.weights, self.tokens.values.shape)
        return DiscreteMeasure(self.tokens.values[*index], weights[*index])


def two_points(
    variance: Float[ndarray, "*n"], third: Float[ndarray, "*n"]
) -> tuple[ndarray, ndarray, ndarray]:
    """How far left and right of the mean the nodes of a two-point Gauss rule lie, and their middle.

    They are the roots of `u² − (third/variance)·u − variance`, the larger first: nothing cancels.
    """
    variance, third = np.asarray(variance), np.asarray(third)
    lean = np.divide(third, 2 * variance, out=np.zeros_like(variance), where=variance > 0)
    far = np.abs(lean) + np.sqrt(lean**2 + variance)
    near = np.divide(variance, far, out=np.zeros_like(variance), where=far > 0)
    left, right = np.where(lean >= 0, (near, far), (far, near))
    return left, right, lean


def _gauss_rules(
    values: Float[ndarray, " n"], weights: Float[ndarray, " n"]
) -> tuple[Float[ndarray, " m"], ...]:
    """Nodes and masses of the intervals' two-point Gauss rules, their defects, and all edges.

    The defect is the integral of the squared monic quadratic that vanishes at both nodes,
    `m (μ₄ − μ₃²/σ² − σ⁴)`: zero where an interval holds two values or fewer.
    """
    low, width = values.min(), np.ptp(values) / BINS or 1.0
    index = np.minimum((values - low) / width, BINS - 1).astype(np.intp)
    mass = np.bincount(index, weights, BINS)
    safe_mass = np.where(mass > 0, mass, 1.0)
    edges = low + np.arange(BINS + 1) * width
    centre = edges[:-1] + 0.5 * width
    mean = centre + np.bincount(index, weights * (values - centre[index]), BINS) / safe_mass
    deviation = values - mean[index]
    squares = weights * deviation**2
    variance = np.bincount(index, squares, BINS) / safe_mass
    third = np.bincount(index, squares * deviation, BINS) / safe_mass
    fourth = np.bincount(index, squares * deviation**2, BINS) / safe_mass
    left, right, lean = two_points(variance, third)
    nodes = np.concatenate([mean + right, mean - left])
    # each from the other's distance: one less a share would lose a small mass beside a large one
    shares = np.divide([left, right], right + left, out=np.full((2, BINS), 0.5), where=right > 0)
    masses = (mass * shares).ravel()
    defect = np.maximum(fourth - 4 * lean**2 * variance - variance**2, 0) + ROUNDING * fourth
    return nodes, masses, mass * defect, edges
