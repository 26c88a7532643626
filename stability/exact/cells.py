"""The regions of a plane in which one token wins: the upper envelope of planes, as polygons."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

Extent = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Cell:
    """The convex polygon in which a token is the most likely one; corners in order."""

    id: int
    text: str
    corners: Float[ndarray, "n 2"]

    @property
    def area(self) -> float:
        """Area of the polygon, by the shoelace formula."""
        return float(self._wedges().sum()) / 2

    @property
    def centroid(self) -> Float[ndarray, " 2"]:
        """Centre of mass of the polygon."""
        wedges, following = self._wedges(), np.roll(self.corners, -1, axis=0)
        return wedges @ (self.corners + following) / (3 * wedges.sum())

    def _wedges(self) -> Float[ndarray, " n"]:
        """Twice the signed area of the triangle that each edge spans with the origin."""
        (x, y), (x_next, y_next) = self.corners.T, np.roll(self.corners, -1, axis=0).T
        return x * y_next - x_next * y


def corners_of(extent: Extent) -> Float[ndarray, "4 2"]:
    """The corners of a view, counter-clockwise."""
    x_min, x_max, y_min, y_max = extent
    return np.array([[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]])


def envelope(
    offsets: Float[ndarray, " V"], gradients: Float[ndarray, "V 2"], extent: Extent
) -> dict[int, Float[ndarray, "n 2"]]:
    """The winners of `offset_i + gradient_i·(x, y)` in a rectangle, each with its polygon.

    Starting from the winners at the corners, cells of the candidates found so far are clipped, and
    whoever wins at a vertex of theirs becomes a candidate. When the candidates win at all their own
    vertices the envelope is complete: the full one is convex, theirs is linear on each cell, and
    the two agree at its corners. Ties go to the lowest id.
    """
    rectangle = corners_of(extent)
    candidates = set((rectangle @ gradients.T + offsets).argmax(axis=1).tolist())
    while True:
        members = np.array(sorted(candidates))
        clipped = {
            i: _clip_all(rectangle, i, members, offsets, gradients) for i in members.tolist()
        }
        polygons = {i: polygon for i, polygon in clipped.items() if len(polygon)}
        vertices = np.concatenate(list(polygons.values()))
        owners = np.repeat(list(polygons), [len(polygon) for polygon in polygons.values()])
        values = vertices @ gradients.T + offsets
        rounding = 1e-9 * (1 + np.abs(values).max())
        beaten = values.max(axis=1) > values[np.arange(len(vertices)), owners] + rounding
        others = set(values[beaten].argmax(axis=1).tolist()) - candidates
        if not others:
            return polygons
        candidates |= others


def _clip_all(
    polygon: Float[ndarray, "n 2"],
    winner: int,
    members: Int[ndarray, " m"],
    offsets: Float[ndarray, " V"],
    gradients: Float[ndarray, "V 2"],
) -> Float[ndarray, "k 2"]:
    """The part of a polygon where `winner` beats every other member; ties to the lower id."""
    for rival in members[members != winner]:
        lead = offsets[winner] - offsets[rival]
        slope = gradients[winner] - gradients[rival]
        if not slope.any() and (lead < 0 or (lead == 0 and rival < winner)):
            return polygon[:0]
        polygon = _clip(polygon, polygon @ slope + lead)
        if len(polygon) < 3:
            return polygon[:0]
    return polygon


def _clip(polygon: Float[ndarray, "n 2"], height: Float[ndarray, " n"]) -> Float[ndarray, "k 2"]:
    """The part of a convex polygon where a linear function with these corner values is ≥ 0."""
    if (height >= 0).all():
        return polygon
    following, next_height = np.roll(polygon, -1, axis=0), np.roll(height, -1)
    corners: list[ndarray] = []
    for start, end, h, k in zip(polygon, following, height, next_height, strict=True):
        if h >= 0:
            corners.append(start)
        if (h > 0 > k) or (h < 0 < k):
            corners.append(start + (end - start) * (h / (h - k)))
    return np.array(corners).reshape(-1, 2)
