"""A ray sampled for drawing: its curves over both boundaries, and the tokens along it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.exact.flips import Flip
from stability.geometry.ray import Bracket, Ray
from stability.numerics import largest
from stability.units import COORDINATES, Unit

LEADERS = 6
POINTS, NUMERICAL_POINTS = 80, 16  # to each landmark; numerical ones each run the network
NUMERICAL_FLIPS = 8  # of a side
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
