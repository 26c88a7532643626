"""A cloud projected for drawing."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from stability.geometry.cloud import Cloud
from stability.units import Unit


@dataclass(frozen=True, eq=False)
class CloudView:
    """A cloud as it is drawn: a point in two dimensions for each perturbation.

    `method` names the projection; `texts` spell the most likely token at each point; `unit` is that of
    the points, None for UMAP, whose distances are not lengths.
    """

    method: str
    points: Float[ndarray, "n 2"]
    cloud: Cloud
    texts: list[str]
    unit: Unit | None

    def groups(self, most: int) -> list[Bool[ndarray, " n"]]:
        """The points of each of the at most `most` most frequent tokens, and of all other tokens.

        A mask a group, the most frequent first; that of the others is the last, and may be empty.
        """
        tokens, counts = np.unique(self.cloud.argmax, return_counts=True)
        frequent = tokens[np.argsort(-counts, kind="stable")][:most]
        masks = [self.cloud.argmax == token for token in frequent]
        return [*masks, ~np.isin(self.cloud.argmax, frequent)]

    def measured_in(self, unit: Unit) -> "CloudView":
        """The same view with its lengths, if it has any, counted in another unit."""
        if self.unit is None:
            return self
        return replace(self, unit=unit, points=self.points / unit.length)
