"""The distribution of a logit slope under the next-token distribution: all that a ray needs.

Along `y + t v` the logits move on straight lines `z_i + t a_i`, and the KL divergence from the
start is the cumulant generating function of the centred slope `a_c` under `p`:

    KL(t) = log E_p[exp(t·a_c)].

So a ray is a one-dimensional measure, and a measure can be merged: some hundred atoms stand for a
vocabulary. Arrays may carry leading batch axes, one distribution for each index.
"""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from stability import numerics
from stability.devices import IN_CACHE, rows_at_once
from stability.exact.discrete_measure import DiscreteMeasure, weighted
from stability.exact.gauss_rules import BINS, interval_rules
from stability.exact.self_concordance import brackets
from stability.exact.token_measure import TokenMeasure

MERGE_TOLERANCE = 1e-5  # relative error of a divergence that merging may cause
EPS = float(np.finfo(float).eps)


def boundaries(
    measure: DiscreteMeasure, epsilon: Float[ndarray, " m"]
) -> Float[ndarray, "*batch 2 m"]:
    """Distances (minus, plus) at which `KL(t) = ε`, for every `ε`, to a relative 1e-12.

    Newton's method on `log KL` as a function of `log t`, nearly a straight line of slope two,
    safeguarded by bisection of the certified bracket. Infinite on a side without positive values.
    """
    bounds = brackets(measure, epsilon)
    batch, m = bounds.shape[:-3], len(epsilon)
    inner, outer = (bounds[..., end, :].reshape(*batch, 2 * m) for end in (0, 1))
    sign, target = np.repeat([-1.0, 1.0], m), np.tile(epsilon, 2)
    flat = np.isinf(inner)
    low, high = (np.log(np.where(flat, 1.0, end)) for end in (inner, outer))
    log_excess = partial(_log_excess, measure, target, sign)
    distances = np.exp(numerics.solve(log_excess, low, high))
    return np.where(flat, np.inf, distances).reshape(*batch, 2, m)


def _log_excess(
    measure: DiscreteMeasure,
    target: Float[ndarray, " n"],
    sign: Float[ndarray, " n"],
    u: Float[ndarray, "*batch n"],
) -> tuple[Float[ndarray, "*batch n"], Float[ndarray, "*batch n"]]:
    """`log(KL(t)/target)` at `t = ±e^u`, and its derivative by `u`."""
    t = sign * np.exp(u)
    kl, slope = measure.kl_and_slope(t)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(kl / target), t * slope / kl


@dataclass(frozen=True, eq=False)
class SlopeDistribution:
    """The measure on all tokens, and a copy merged into intervals, used where its error is bounded."""

    slopes: TokenMeasure
    intervals: int = BINS

    @staticmethod
    def of(measure: DiscreteMeasure, intervals: int = BINS) -> "SlopeDistribution":
        """That of a measure on the host."""
        return SlopeDistribution(TokenMeasure.of(measure), intervals)

    @property
    def tokens(self) -> DiscreteMeasure:
        """The measure on all tokens, on the host."""
        return self.slopes.on_host

    @cached_property
    def _rules(self) -> tuple[Float[ndarray, "*batch n"], ...]:
        """Nodes, masses and defects of the intervals' Gauss rules, and all edges: `interval_rules`."""
        values, weights = self.slopes.values, self.slopes.weights
        *batch, V = values.shape
        flat, weights = values.reshape(-1, V), weights.reshape(-1, V)
        rows = rows_at_once(values.device, V, IN_CACHE)
        parts = flat.split(rows)
        shares = weights.split(rows) if len(weights) > 1 else [weights] * len(parts)
        rules = [interval_rules(v, w, self.intervals) for v, w in zip(parts, shares, strict=True)]
        return tuple(np.concatenate(part).reshape(*batch, -1) for part in zip(*rules, strict=True))

    @property
    def spans(self) -> Float[ndarray, "*batch"]:
        """From the least value to the greatest, of each distribution."""
        edges = self._rules[3]
        return np.asarray(edges[..., -1] - edges[..., 0])

    def rows(self, which: Bool[ndarray, " n"]) -> "SlopeDistribution":
        """Some of a batch of distributions that share their weights."""
        if which.all():
            return self
        values = self.slopes.values[torch.from_numpy(which).to(self.slopes.values.device)]
        some = TokenMeasure(values, self.slopes.weights, self.slopes.log_weights)
        return SlopeDistribution(some, self.intervals)

    @cached_property
    def merged(self) -> DiscreteMeasure:
        """Nearly the same measure, on at most two atoms an interval.

        Each of the equal intervals keeps its two-point Gauss rule: the two atoms with the
        interval's own mass, mean, variance and third moment.
        """
        nodes, masses, _, _ = self._rules
        return weighted(nodes - (masses * nodes).sum(axis=-1, keepdims=True), masses)

    def merge_error(
        self, t: Float[ndarray, "*batch m"], kl: Float[ndarray, "*batch m"]
    ) -> Float[ndarray, "*batch m"]:
        """Bound of what merging takes from `KL(t)`, in nats, given the merged `KL(t)`.

        A Gauss rule errs on one side only, as all even derivatives of `e^{ta}` are positive: by
        `t⁴e^{ta}/24` somewhere in the interval, times its defect. In `log E` this counts relative to
        the merged `E = e^{KL}`. Added is what the rounding of the nodes themselves may cause. Infinite
        where weights underflow, which merging loses.
        """
        if self.slopes.underflows:
            return np.full_like(kl, np.inf)
        _, _, defects, edges = self._rules
        low, high = edges[..., :-1], edges[..., 1:]
        steepest = np.maximum(t[..., None] * low[..., None, :], t[..., None] * high[..., None, :])
        with np.errstate(divide="ignore", over="ignore"):  # an infinite bound is a true one
            fourth_power = 4 * np.log(np.abs(t)) - kl
            terms = np.exp(steepest + fourth_power[..., None])
        terms[np.broadcast_to(defects[..., None, :] == 0, terms.shape)] = 0
        misplaced = 4 * EPS * np.abs(edges).max(axis=-1)[..., None] * np.abs(t)
        return (terms @ defects[..., None])[..., 0] / 24 + misplaced

    def kl(self, t: Float[ndarray, "*batch m"]) -> Float[ndarray, "*batch m"]:
        """`KL(t) = log E[exp(t·a_c)]` in nats, to a relative `MERGE_TOLERANCE`."""
        kl = self.merged.kl_and_slope(t)[0]
        for unsafe in np.argwhere(self.merge_error(t, kl) > MERGE_TOLERANCE * kl):
            row, i = unsafe[:-1], unsafe[-1:]
            kl[*row, i] = self._row(row).kl_and_slope(t[*row, i])[0]
        return kl

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "*batch 2 m"]:
        """Distances (minus, plus) at which `KL(t) = ε`, for every `ε`; `KL` to `MERGE_TOLERANCE`."""
        distances = boundaries(self.merged, epsilon)
        signed = (distances * np.array([[-1.0], [1.0]])).reshape(*distances.shape[:-2], -1)
        nats = np.broadcast_to(np.tile(epsilon, 2), signed.shape)
        reached = np.where(np.isinf(signed), 0.0, signed)
        unsafe = (self.merge_error(reached, nats) > MERGE_TOLERANCE * nats).any(axis=-1)
        for row in np.argwhere(unsafe):
            distances[*row] = boundaries(self._row(row), epsilon)
        return distances

    def _row(self, index: Int[ndarray, " b"]) -> DiscreteMeasure:
        if not index.size:
            return self.tokens
        slopes, shape = self.slopes, self.slopes.values.shape
        parts = slopes.values, slopes.weights, slopes.log_weights
        row = (part.broadcast_to(shape)[tuple(index.tolist())] for part in parts)
        return TokenMeasure(*row).on_host
