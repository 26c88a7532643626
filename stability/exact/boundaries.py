"""Where a divergence first reaches given levels, and how it does so."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

REACHED, JUMP, NOT_REACHED, UNRESOLVED = "reached", "jump", "not reached", "unresolved"


@dataclass(frozen=True, eq=False)
class Boundaries:
    """Distances at which a divergence first reaches levels, in coordinates.

    A distance is infinite where the level is not reached, and NaN where rounding of the network hides
    it. `jumps` says where the divergence leaps over the level, as where another expert takes over.
    """

    distances: Float[ndarray, "*n"]
    jumps: Bool[ndarray, "*n"]

    @property
    def kinds(self) -> ndarray:
        """How each level is met: "reached", "jump", "not reached" or "unresolved"."""
        met = np.where(self.jumps, JUMP, REACHED)
        met = np.where(np.isinf(self.distances), NOT_REACHED, met)
        return np.where(np.isnan(self.distances), UNRESOLVED, met)
