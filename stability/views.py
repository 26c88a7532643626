"""Results sampled for drawing: the only place that decides how much of a ray or plane is seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.cells import Cell
from stability.clouds import Cloud
from stability.flips import Flip
from stability.rays import Bracket, Ray
from stability.regions import Region

POINTS, LEADERS, GRID, ANGLES = 400, 6, 101, 180


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

    `shares` are the probabilities of the leading tokens along the ray, a row each, the last row
    being all other tokens; `names` spells them.
    """

    label: str
    epsilon: float
    t: Float[ndarray, " n"]
    kl: Float[ndarray, " n"]
    quadratic: Float[ndarray, " n"]
    predicted: float
    boundary: tuple[float, float]
    certificate: tuple[Bracket, Bracket]
    flips: tuple[list[Flip], list[Flip]]
    edges: list[Edge]
    segments: list[Segment]
    names: list[str]
    shares: Float[ndarray, "m n"]


def ray_view(ray: Ray, label: str, epsilon: float) -> RayView | None:
    """Sample a ray over both boundaries at `ε`, and over a first flip that is not far beyond.

    None in a direction without curvature: there is nothing to see.
    """
    predicted, certificate = ray.predicted_radius(epsilon), ray.certificate(epsilon)
    minus, plus = ray.boundary(epsilon)
    if predicted is None or certificate is None or minus is None or plus is None:
        return None
    flips = ray.flips()
    reach = [
        _reach(predicted, boundary, own) for boundary, own in zip((minus, plus), flips, strict=True)
    ]
    edges = _edges(flips, reach)
    t = np.union1d(np.linspace(-reach[0], reach[1], POINTS), [-predicted, 0.0, predicted])
    names, shares = _shares(ray, t)
    return RayView(
        label=label,
        epsilon=epsilon,
        t=t,
        kl=ray.kl(t),
        quadratic=ray.quadratic(t),
        predicted=predicted,
        boundary=(minus, plus),
        certificate=certificate,
        flips=flips,
        edges=edges,
        segments=_segments(edges, reach, ray.state.text(ray.state.argmax)),
        names=names,
        shares=shares,
    )


def _reach(predicted: float, boundary: float, flips: Sequence[Flip]) -> float:
    """How far one side is drawn: past its boundary and ±r, and past a first flip near them."""
    seen = 1.35 * max(predicted, boundary)
    return max(seen, 1.15 * flips[0].distance) if flips and flips[0].distance < 2 * seen else seen


def _edges(flips: tuple[list[Flip], list[Flip]], reach: Sequence[float]) -> list[Edge]:
    """The flips in view, from the far minus end to the far plus end."""
    minus = [Edge(-flip.distance, flip.text) for flip in flips[0] if flip.distance < reach[0]]
    plus = [Edge(flip.distance, flip.text) for flip in flips[1] if flip.distance < reach[1]]
    return [*reversed(minus), *plus]


def _segments(edges: Sequence[Edge], reach: Sequence[float], start: str) -> list[Segment]:
    """The stretches between the edges; the one that holds the state belongs to `start`."""
    bounds = [-reach[0], *(edge.t for edge in edges), reach[1]]
    outwards = [edge.text for edge in edges if edge.t < 0]
    texts = [*outwards, start, *(edge.text for edge in edges if edge.t >= 0)]
    return [Segment(*span) for span in zip(bounds[:-1], bounds[1:], texts, strict=True)]


def _shares(ray: Ray, t: Float[ndarray, " n"]) -> tuple[list[str], Float[ndarray, "m n"]]:
    """Probabilities of the tokens that lead somewhere in view, and of all others together."""
    at_ends = np.concatenate(
        [ray.probabilities(end) for end in (t[:1], t[-1:], np.zeros(1))], axis=1
    )
    leaders = np.argsort(-at_ends.max(axis=1), kind="stable")[:LEADERS]
    leaders = leaders[np.argsort(-at_ends[leaders, 2], kind="stable")]
    shares = ray.probabilities(t, leaders)
    rest = np.clip(1 - shares.sum(axis=0, keepdims=True), 0, 1)
    names = [ray.state.text(int(i)) for i in leaders]
    return [*names, "all others"], np.concatenate([shares, rest])


@dataclass(frozen=True, eq=False)
class RegionView:
    """A plane as it is drawn: KL on a grid, closed curves as `(x, y)` rows, and argmax cells."""

    labels: tuple[str, str]
    epsilon: float
    axis: Float[ndarray, " n"]
    kl: Float[ndarray, "n n"]
    ellipse: Float[ndarray, "m 2"]
    boundary: Float[ndarray, "m 2"]
    ball: float | None
    cells: list[Cell]


def region_view(
    region: Region, labels: tuple[str, str], epsilon: float, ball: float | None
) -> RegionView | None:
    """Sample a plane around its stable region at `ε`; None where the plane has a flat direction.

    The view is square and centred on the state; of a very long region it shows the middle.
    """
    ellipse = region.ellipse(epsilon)
    if ellipse is None:
        return None
    angles = np.linspace(0, 2 * np.pi, ANGLES + 1)
    distances = region.boundary(epsilon, angles[:-1])
    edge = (
        np.stack([np.cos(angles), np.sin(angles)], axis=1)
        * np.append(distances, distances[0])[:, None]
    )
    longest = max(np.abs(edge).max(), ellipse.semi_axes[0])
    half = 1.3 * min(longest, 8 * min(distances.min(), ellipse.semi_axes[1]))
    axis = np.linspace(-half, half, GRID)
    return RegionView(
        labels=labels,
        epsilon=epsilon,
        axis=axis,
        kl=region.kl_grid(axis, axis),
        ellipse=ellipse.points(angles),
        boundary=edge,
        ball=ball,
        cells=region.cells((-half, half, -half, half)),
    )


@dataclass(frozen=True, eq=False)
class CloudView:
    """A cloud as it is drawn: a point in two dimensions for each perturbation."""

    method: str
    points: Float[ndarray, "n 2"]
    cloud: Cloud
    texts: list[str]
