"""Certified distances of the boundary along many directions, from what is kept of their slopes."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.dictionaries.slopes import SlopeLaws
from stability.exact import self_concordance
from stability.exact.line import radius_rounding
from stability.prediction.state import State

EXACT = (
    "For every row curvature, closed form and the first change of the most likely token are exact to "
    "float32, and the brackets are certified. Boundaries are exact too, for the rows that are listed."
)
EVALUATED = (
    "For every row curvature and closed form are exact to float32, by this state's own Jacobian. "
    "Boundaries, and changes of the most likely token, are found by running the network along the rows "
    "that are listed; nothing is certified."
)


@dataclass(frozen=True, eq=False)
class KeptSlopes:
    """The slopes of the tokens that were kept, both ends among them, with the variance of all."""

    state: State
    laws: SlopeLaws

    @property
    def variance(self) -> Float[ndarray, " n"]:
        """`E_p[a_c²]` over all tokens."""
        return self.laws.variance

    @cached_property
    def _rates(self) -> Float[ndarray, "n 2 k"]:
        """`±a_c` of the tokens that gain most probability."""
        p = self.state.probs.cpu().numpy()[self.laws.pushed]
        return np.divide(self.laws.rates, p, out=np.zeros_like(p), where=self.laws.rates > 0)

    @cached_property
    def supported(self) -> Float[ndarray, "n m"]:
        """Slopes; 0 where none was kept."""
        rises = np.concatenate([self.laws.rises, self._rates], axis=2)
        return np.concatenate([-rises[:, 0], rises[:, 1]], axis=1)

    @cached_property
    def log_weights(self) -> Float[ndarray, "n m"]:
        """`log p` of their tokens."""
        ids = np.concatenate([self.laws.steepest, self.laws.pushed], axis=2)
        return self.state.log_probs.cpu().numpy()[ids.reshape(len(ids), math.prod(ids.shape[1:]))]

    @property
    def ends(self) -> Float[ndarray, "n 2"]:
        """The least and the greatest slope, or zero."""
        return np.stack([self.supported.min(axis=1), self.supported.max(axis=1)], axis=1)


def certificates(
    state: State, laws: SlopeLaws, epsilon: Float[ndarray, " m"]
) -> Float[ndarray, "n 2 2 m"]:
    """Return guaranteed distances for every direction and `ε`.

    They are `self_concordance.brackets`, but of what single tokens guarantee only that of those that
    were kept counts for the outer end.

    Args:
        state: at the readout, with linear logits.
        laws: of some directions.
        epsilon: nats.

    Returns:
        (minus, plus) × (inner, outer), in coordinates.
    """
    ends = laws.steepest[..., 0], laws.rises[..., 0]
    rounding = radius_rounding(state, laws.variance, *ends)
    return self_concordance.brackets(KeptSlopes(state, laws), epsilon, rounding)


def certainty(is_linear: bool) -> str:
    """What is exact, what is certified, and what is found by running the network, in words."""
    return EXACT if is_linear else EVALUATED
