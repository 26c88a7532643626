"""A cloud projected for drawing."""

from dataclasses import dataclass, replace

from jaxtyping import Float
from numpy import ndarray

from stability.geometry.cloud import Cloud
from stability.units import Unit


@dataclass(frozen=True, eq=False)
class CloudView:
    """A cloud as it is drawn: a point in two dimensions for each perturbation."""

    method: str
    points: Float[ndarray, "n 2"]
    cloud: Cloud
    texts: list[str]
    unit: Unit | None  # UMAP's distances are not lengths

    def measured_in(self, unit: Unit) -> "CloudView":
        """The same view with its lengths, if it has any, counted in another unit."""
        if self.unit is None:
            return self
        return replace(self, unit=unit, points=self.points / unit.length)
