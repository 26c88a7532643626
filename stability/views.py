"""Results sampled for drawing: the only place that decides how much of a ray or plane is seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.clouds import Cloud
from stability.exact.cells import Cell
from stability.exact.flips import Flip
from stability.numerical.plane import LATTICE
from stability.numerics import largest
from stability.rays import Bracket, Ray
from stability.regions import Region
from stability.units import COORDINATES, Unit

LEADERS = 6
POINTS, GRID, ANGLES = 80, 101, 180  # where the logits are linear
NUMERICAL_POINTS, NUMERICAL_GRID, NUMERICAL_ANGLES, NUMERICAL_FLIPS = (
    16,
    LATTICE,
    36,
    8,
)  # each runs the network
FAR = 3.0  # closed-form radii that are drawn of a side whose boundary is not reached


@dataclass(frozen=True)
class Edge:
    """A flip in view: where on the ray, and the token that takes over when walking outwards."""

    t: float
    text: str


@dataclass(frozen=True)
class Segment:
    """A stretch of a ray on which one token is the most likely."""

    start: float
    stop: float
    text: str


@dataclass(frozen=True, eq=False)
class RayView:
    """A ray as it is drawn: curves over `t`, and what lies on them at one `ε`.

    A boundary is None where it is not reached; `certificate` is None where nothing is certified.
    `shares` are the probabilities of the leading tokens along the ray, a row each, spelled by
    `names`; one more row is that of all other tokens together.
    """

    label: str
    epsilon: float
    t: Float[ndarray, " n"]
    kl: Float[ndarray, " n"]
    quadratic: Float[ndarray, " n"]
    predicted: float
    boundary: tuple[float | None, float | None]
    certificate: tuple[Bracket, Bracket] | None
    flips: tuple[list[Flip], list[Flip]]
    edges: list[Edge]
    segments: list[Segment]
    names: list[str]
    shares: Float[ndarray, "m n"]
    unit: Unit = COORDINATES

    def measured_in(self, unit: Unit) -> "RayView":
        """The same view with its lengths, which are in coordinates, counted in another unit."""
        count = unit.count
        minus, plus = (
            [replace(flip, distance=count(flip.distance)) for flip in side] for side in self.flips
        )
        brackets = [(count(inner), count(outer)) for inner, outer in self.certificate or ()]
        return replace(
            self,
            unit=unit,
            t=self.t / unit.length,
            predicted=count(self.predicted),
            boundary=(count(self.boundary[0]), count(self.boundary[1])),
            certificate=(brackets[0], brackets[1]) if brackets else None,
            flips=(minus, plus),
            edges=[replace(edge, t=count(edge.t)) for edge in self.edges],
            segments=[
                replace(segment, start=count(segment.start), stop=count(segment.stop))
                for segment in self.segments
            ],
        )


def ray_view(ray: Ray, label: str, epsilon: float) -> RayView | None:
    """Sample a ray over both boundaries at `ε`, and over a first flip that is not far beyond.

    None in a direction without curvature: there is nothing to see.
    """
    predicted = ray.predicted_radius(epsilon)
    if predicted is None:
        return None
    minus, plus = ray.boundary(epsilon)
    is_linear = ray.state.is_linear
    flips = ray.flips(limit=len(ray.slopes) if is_linear else NUMERICAL_FLIPS)
    ends = [FAR * predicted if end is None else end for end in (minus, plus)]
    reach = [_reach(predicted, end, own) for end, own in zip(ends, flips, strict=True)]
    edges, segments = _partition(flips, reach, ray.state.text(ray.state.argmax))
    # these can be orders of magnitude apart where the prediction is nearly certain
    landmarks = (-reach[0], -ends[0], -predicted, predicted, ends[1], reach[1])
    points = POINTS if is_linear else NUMERICAL_POINTS
    t = np.unique(np.concatenate([np.linspace(0, end, points) for end in landmarks]))
    names, shares = _shares(ray, t, segments)
    return RayView(
        label=label,
        epsilon=epsilon,
        t=t,
        kl=ray.kl(t),
        quadratic=ray.quadratic(t),
        predicted=predicted,
        boundary=(minus, plus),
        certificate=ray.certificate(epsilon),
        flips=flips,
        edges=edges,
        segments=segments,
        names=names,
        shares=shares,
    )


def _reach(predicted: float, boundary: float, flips: Sequence[Flip]) -> float:
    """How far one side is drawn: past its boundary and ±r, and past a first flip near them."""
    seen = 1.35 * max(predicted, boundary)
    return max(seen, 1.15 * flips[0].distance) if flips and flips[0].distance < 2 * seen else seen


def _partition(
    flips: tuple[list[Flip], list[Flip]], reach: Sequence[float], start: str
) -> tuple[list[Edge], list[Segment]]:
    """The flips in view and the stretches between them; that of the state belongs to `start`."""
    minus, plus = (
        [flip for flip in side if flip.distance < end]
        for side, end in zip(flips, reach, strict=True)
    )
    edges = [
        *(Edge(-flip.distance, flip.text) for flip in reversed(minus)),
        *(Edge(flip.distance, flip.text) for flip in plus),
    ]
    bounds = [-reach[0], *(edge.t for edge in edges), reach[1]]
    texts = [edge.text for edge in edges]
    texts.insert(len(minus), start)
    segments = [Segment(*span) for span in zip(bounds[:-1], bounds[1:], texts, strict=True)]
    return edges, segments


def _shares(
    ray: Ray, t: Float[ndarray, " n"], segments: Sequence[Segment]
) -> tuple[list[str], Float[ndarray, "m n"]]:
    """Probabilities of the leading tokens, and of all others together.

    Leaders are the winners of all segments, and then whoever is likely at the state or at an end.
    """
    middles = [(segment.start + segment.stop) / 2 for segment in segments]
    seen = ray.probabilities(np.array([0.0, t[0], t[-1], *middles]))
    merit = seen.max(axis=1)
    merit[seen.argmax(axis=0)] += 1
    leaders = largest(merit, LEADERS)
    leaders = leaders[np.argsort(-seen[leaders, 0], kind="stable")]
    shares = ray.probabilities(t, leaders)
    rest = np.clip(1 - shares.sum(axis=0, keepdims=True), 0, 1)
    names = [ray.state.text(int(i)) for i in leaders]
    return names, np.concatenate([shares, rest])


@dataclass(frozen=True, eq=False)
class RegionView:
    """A plane as it is drawn: KL on a grid, closed curves as `(x, y)` rows, and argmax cells.

    `walls` are the two ends of each edge between cells; the frame of the view is none.
    """

    labels: tuple[str, str]
    epsilon: float
    axis: Float[ndarray, " n"]
    kl: Float[ndarray, "n n"]
    ellipse: Float[ndarray, "m 2"]
    boundary: Float[ndarray, "p 2"]
    ball: float | None
    cells: list[Cell]
    walls: Float[ndarray, "k 2 2"]
    unit: Unit = COORDINATES

    @property
    def is_cut(self) -> bool:
        """Whether the stable region is longer than the view."""
        return not bool((np.abs(self.boundary) <= self.axis[-1]).all())

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
            walls=self.walls / unit.length,
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
    a very long region it shows the middle. The edge has a gap where it is not reached.
    """
    is_linear = region.state.is_linear
    angles = np.linspace(0, 2 * np.pi, (ANGLES if is_linear else NUMERICAL_ANGLES) + 1)
    ellipse = region.ellipse(epsilon)
    if ellipse is None:
        return None
    distances = region.boundary(epsilon, angles[:-1])
    distances[np.isinf(distances)] = np.nan
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    edge = circle * np.append(distances, distances[0])[:, None]
    longest = np.nanmax([np.nanmax(np.abs(edge), initial=0), ellipse.semi_axes[0]])
    half = half or 1.3 * min(longest, 8 * np.nanmin([*distances, ellipse.semi_axes[1]]))
    axis = np.linspace(-half, half, GRID if is_linear else NUMERICAL_GRID)
    cells = region.cells((-half, half, -half, half))
    return RegionView(
        labels=labels,
        epsilon=epsilon,
        axis=axis,
        kl=region.kl_grid(axis, axis),
        ellipse=ellipse.points(np.linspace(0, 2 * np.pi, ANGLES + 1)),
        boundary=edge,
        ball=ball,
        cells=cells,
        walls=_walls(cells, half),
    )


def _walls(cells: Sequence[Cell], half: float) -> Float[ndarray, "k 2 2"]:
    """The edges of the cells that do not lie on the frame of the view."""
    starts = np.concatenate([cell.corners for cell in cells])
    stops = np.concatenate([np.roll(cell.corners, -1, axis=0) for cell in cells])
    framed = ((starts == stops) & (np.abs(starts) == half)).any(axis=1)
    return np.stack([starts, stops], axis=1)[~framed]


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
