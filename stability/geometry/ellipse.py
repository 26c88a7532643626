"""An ellipse in the plane of two directions: the closed form's picture of the stable region."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray


@dataclass(frozen=True)
class Ellipse:
    """The closed form's stable region in a plane.

    Attributes:
        semi_axes: their lengths, in coordinates, the longer first.
        angle: that of the first semi-axis from the axis of `x`, in radians.
    """

    semi_axes: tuple[float, float]
    angle: float

    def points(self, angles: Float[ndarray, " n"]) -> Float[ndarray, "n 2"]:
        """Points of the ellipse in the plane.

        Args:
            angles: the ellipse's own parameter, (n,), in radians: 0 is the end of the first semi-axis.

        Returns:
            Coordinates `x`, `y`, (n, 2).
        """
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        upright = np.stack([np.cos(angles), np.sin(angles)], axis=1) * self.semi_axes
        return upright @ np.array([[cos, sin], [-sin, cos]])
