"""A plane sampled for drawing: the divergence on a grid, the true boundary, and argmax cells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.exact.cells import Cell
from stability.geometry.ellipse import Ellipse
from stability.geometry.region import Region
from stability.numerical.plane import LATTICE
from stability.units import COORDINATES, Unit

GRID, ANGLES = 101, 180
# fewer where each runs the network
NUMERICAL_GRID, NUMERICAL_ANGLES = LATTICE, 36
# half the width of a view, of the distance of the furthest point that it shows
MARGIN = 1.3
# the same, of the largest coordinate of given points
POINTS_MARGIN = 1.2
# a region longer than this multiple of its nearest boundary is cut
LONGEST_OVER_NEAREST = 8


@dataclass(frozen=True, eq=False)
class RegionView:
    """A plane as it is drawn: KL on a grid, closed curves as `(x, y)` rows, and argmax cells.

    `kl` has its rows along the second axis; `boundary` is NaN where there is none; `ball` is the
    certified radius, if there is one. `cell_edges` are the two ends of each edge between two cells: the
    frame of the view is none. Lengths are in `unit`, KL and `epsilon` in nats.
    """

    labels: tuple[str, str]
    epsilon: float
    axis: Float[ndarray, " n"]
    kl: Float[ndarray, "n n"]
    ellipse: Float[ndarray, "m 2"]
    boundary: Float[ndarray, "p 2"]
    ball: float | None
    cells: list[Cell]
    cell_edges: Float[ndarray, "k 2 2"]
    unit: Unit = COORDINATES

    def measured_in(self, unit: Unit) -> "RegionView":
        """The same view with its lengths, which are in coordinates, counted in another unit."""
        return replace(
            self,
            unit=unit,
            axis=self.axis / unit.length,
            ellipse=self.ellipse / unit.length,
            boundary=self.boundary / unit.length,
            ball=unit.count(self.ball),
            cells=[replace(cell, corners=cell.corners / unit.length) for cell in self.cells],
            cell_edges=self.cell_edges / unit.length,
        )


def region_view(
    region: Region,
    labels: tuple[str, str],
    epsilon: float,
    ball: float | None,
    half: float | None = None,
) -> RegionView | None:
    """Sample a plane around its stable region at `ε`; None where the plane has a flat direction.

    The view is square and centred on the state, `half` its width to either side if that is given; of
    a very long region it shows the middle. `labels` name the axes, `ball` is a certified radius.
    """
    is_linear = region.state.is_linear
    ellipse = region.ellipse(epsilon)
    if ellipse is None:
        return None
    angles = np.linspace(0, 2 * np.pi, (ANGLES if is_linear else NUMERICAL_ANGLES) + 1)
    distances = region.boundary(epsilon, angles[:-1])
    distances[np.isinf(distances)] = np.nan
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    boundary = circle * np.append(distances, distances[0])[:, None]
    half = half or _half_width(boundary, distances, ellipse)
    axis = np.linspace(-half, half, GRID if is_linear else NUMERICAL_GRID)
    cells = region.cells((-half, half, -half, half))
    return RegionView(
        labels=labels,
        epsilon=epsilon,
        axis=axis,
        kl=region.kl_grid(axis, axis),
        ellipse=ellipse.points(np.linspace(0, 2 * np.pi, ANGLES + 1)),
        boundary=boundary,
        ball=ball,
        cells=cells,
        cell_edges=_cell_edges(cells, half),
    )


def half_to_show(points: Sequence[tuple[float, float]]) -> float:
    """Half the width of a square view around the state that shows points, with a margin beyond."""
    return POINTS_MARGIN * max(abs(coordinate) for point in points for coordinate in point)


def _half_width(
    boundary: Float[ndarray, "p 2"], distances: Float[ndarray, " n"], ellipse: Ellipse
) -> float:
    """Half the width of a view of the true boundary and the ellipse, or of their middle."""
    longest = np.nanmax([np.nanmax(np.abs(boundary), initial=0), ellipse.semi_axes[0]])
    nearest = np.nanmin([*distances, ellipse.semi_axes[1]])
    return MARGIN * min(longest, LONGEST_OVER_NEAREST * nearest)


def _cell_edges(cells: Sequence[Cell], half: float) -> Float[ndarray, "k 2 2"]:
    """The edges of the cells that do not lie on the frame of the view."""
    starts = np.concatenate([cell.corners for cell in cells])
    stops = np.concatenate([np.roll(cell.corners, -1, axis=0) for cell in cells])
    framed = ((starts == stops) & (np.abs(starts) == half)).any(axis=1)
    return np.stack([starts, stops], axis=1)[~framed]
