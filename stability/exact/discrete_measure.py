"""A discrete measure of mean zero, its moments, and its cumulant generating function.

With the centred slopes `a_c` of the logits as values and the next-token probabilities as weights, the
cumulant generating function is the KL divergence along a ray, `KL(t) = log E[exp(t·a_c)]`. Weights come
as logarithms, since those of certain predictions underflow. Arrays may carry leading batch axes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from stability import numerics
from stability.prediction.distribution import OVERFLOW, UNDERFLOW


@dataclass(frozen=True, eq=False)
class DiscreteMeasure:
    """`values` (nats per unit length) of mean zero, weights of sum one, and their logarithms.

    Where a weight underflows, it is zero and its logarithm is not.
    """

    values: Float[ndarray, "*batch n"]
    weights: Float[ndarray, "*#batch n"]
    log_weights: Float[ndarray, "*#batch n"]

    @cached_property
    def underflows(self) -> bool:
        """Whether some weight is not zero, but too small for float64 to hold in full."""
        if self.log_weights.min(initial=0.0) >= UNDERFLOW:
            return False
        return bool(((self.log_weights < UNDERFLOW) & (self.log_weights > -np.inf)).any())

    @cached_property
    def supported(self) -> Float[ndarray, "*batch n"]:
        """The values, but zero where the weight is zero: those count for nothing."""
        return np.where(np.isneginf(self.log_weights), 0.0, self.values)

    @cached_property
    def ends(self) -> Float[ndarray, "*batch 2"]:
        """The least and the greatest value with any weight, or zero."""
        return np.stack([self.supported.min(axis=-1), self.supported.max(axis=-1)], axis=-1)

    @cached_property
    def variance(self) -> Float[ndarray, "*batch"]:
        """`E[a_c²]`: the curvature `vᵀHv` of the closed form."""
        return np.asarray((self.weights * self.values**2).sum(axis=-1))

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
        if self.underflows:
            far = (x + self.log_weights[..., None, :]).max(axis=-1) > OVERFLOW
            gain, drift = self._sums_of_underflowing(x)
        else:
            far = ends.max(axis=-1) > OVERFLOW
            near = np.abs(ends).max(axis=-1) < numerics.SMALL
            gain, drift = self._sums(np.minimum(x, OVERFLOW) if far.any() else x, near)
        kl, slope = np.log1p(gain), drift / (1 + gain)
        if far.any():
            terms = x + self.log_weights[..., None, :]
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

    def _sums(
        self, x: Float[ndarray, "*batch m n"], near: Bool[ndarray, "*batch m"]
    ) -> tuple[ndarray, ndarray]:
        """`E[e^x − 1 − x]` and `E[a_c (e^x − 1)]`, as products with the weights."""
        growth = np.expm1(x)
        excess = growth - x
        excess[near] = numerics.excess_of_small(x[near])
        gain = (excess @ self.weights[..., None])[..., 0]
        return gain, (growth @ (self.weights * self.values)[..., None])[..., 0]

    def _sums_of_underflowing(self, x: Float[ndarray, "*batch m n"]) -> tuple[ndarray, ndarray]:
        """The same where weights underflow: they count as `e^{x + log w}` where `e^x` is large."""
        weights, log_weights = self.weights[..., None, :], self.log_weights[..., None, :]
        gentle, steep = np.minimum(x, 1.0), x > 1
        grown = np.exp(np.minimum(x + log_weights, OVERFLOW))
        growth = np.where(steep, grown - weights, weights * np.expm1(gentle))
        excess = np.where(steep, growth - weights * x, weights * numerics.exp_minus_tangent(gentle))
        return excess.sum(axis=-1), (growth * self.values[..., None, :]).sum(axis=-1)


def weighted(
    values: Float[ndarray, "*batch n"], weights: Float[ndarray, "*#batch n"]
) -> DiscreteMeasure:
    """A measure from its weights alone, some of which may be zero."""
    with np.errstate(divide="ignore"):
        return DiscreteMeasure(values, weights, np.log(weights))


def kl_of_shift(
    shift: Float[ndarray, " n"], weights: Float[ndarray, " n"], log_weights: Float[ndarray, " n"]
) -> float:
    """`KL(p₀‖p)` where every logit moves by its `shift`, centred under the weights of `p₀`.

    For batches of shifts on a device, not centred: `prediction.distribution.divergence`.
    """
    return float(DiscreteMeasure(shift, weights, log_weights).kl_and_slope(np.ones(1))[0][0])
