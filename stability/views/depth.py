"""The radii of all tokens at every block, counted for drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.geometry.depth import Depth
from stability.units import unit_of


@dataclass(frozen=True, eq=False)
class DepthMapView:
    """The shortest predicted radius of every token at every block; NaN where `H = 0`."""

    radii: Float[ndarray, "T L"]
    unit: str

    @property
    def is_flat(self) -> bool:
        """Whether no token has curvature at any block."""
        return bool(np.isnan(self.radii).all())


def depth_map_view(depths: Sequence[Depth], epsilon: float, relative: bool) -> DepthMapView:
    """The radii of a prompt's depths at `ε`, in coordinates, or in per cent of each vector's norm."""
    lengths, units = zip(*(block_lengths(depth, relative) for depth in depths), strict=True)
    radii = [[np.nan if r is None else r for r in depth.radii(epsilon)] for depth in depths]
    return DepthMapView(np.array(radii) / np.stack(lengths), units[0])


def block_lengths(depth: Depth, relative: bool) -> tuple[Float[ndarray, " L"], str]:
    """The length of the unit at every block, in coordinates, and the unit's name."""
    units = [unit_of(norm, relative) for norm in depth.norms.tolist()]
    return np.array([unit.length for unit in units]), units[0].name
