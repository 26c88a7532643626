"""The measure on all tokens, summed where their slopes were computed.

What is as long as the vocabulary stays on its device; what a sum, an extreme or an interval leaves of
it comes to the host, a whole batch at once.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.exact.discrete_measure import DiscreteMeasure
from stability.prediction.distribution import UNDERFLOW


@dataclass(frozen=True, eq=False)
class TokenMeasure:
    """A measure of mean zero as tensors: `values` in nats per unit length, weights of sum one."""

    values: Float[Tensor, "*batch V"]
    weights: Float[Tensor, "*#batch V"]
    log_weights: Float[Tensor, "*#batch V"]

    @staticmethod
    def of(measure: DiscreteMeasure) -> "TokenMeasure":
        """The same measure, as tensors that share its memory."""
        parts = measure.values, measure.weights, measure.log_weights
        return TokenMeasure(*map(torch.from_numpy, parts))

    @cached_property
    def on_host(self) -> DiscreteMeasure:
        """The same measure, token by token, on the host."""
        parts = self.values, self.weights, self.log_weights
        return DiscreteMeasure(*(part.cpu().numpy() for part in parts))

    @cached_property
    def underflows(self) -> bool:
        """Whether some weight is not zero, but too small for float64 to hold in full."""
        return bool(((self.log_weights < UNDERFLOW) & (self.log_weights > -torch.inf)).any())

    @cached_property
    def supported(self) -> Float[Tensor, "*batch V"]:
        """The values, but zero where the weight is zero: those count for nothing."""
        return self.values.where(self.log_weights > -torch.inf, 0.0)

    @cached_property
    def _sums(self) -> Float[ndarray, "*batch 5"]:
        """Moments two to four and both ends, in one transfer."""
        squares = self.weights * self.values**2
        cubes = squares * self.values
        moments = [part.sum(dim=-1) for part in (squares, cubes, cubes * self.values)]
        ends = self.supported.aminmax(dim=-1)
        return torch.stack([*moments, ends.min, ends.max], dim=-1).cpu().numpy()

    @property
    def variance(self) -> Float[ndarray, "*batch"]:
        """`E[a_c²]`: the curvature `vᵀHv` of the closed form."""
        return np.asarray(self._sums[..., 0])

    @property
    def ends(self) -> Float[ndarray, "*batch 2"]:
        """The least and the greatest value with any weight, or zero."""
        return self._sums[..., 3:]

    def cumulants(self) -> Float[ndarray, "*batch 3"]:
        """`κ₂, κ₃, κ₄` of the series `KL(t) = κ₂t²/2 + κ₃t³/6 + κ₄t⁴/24 + …`.

        κ₂ is the curvature of the closed form; κ₃ tells its two sides apart.
        """
        second, third, fourth = np.moveaxis(self._sums[..., :3], -1, 0)
        return np.stack([second, third, fourth - 3 * second**2], axis=-1)
