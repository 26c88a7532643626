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

# tokens whose probabilities are drawn one by one
LEADING_TOKENS = 6
# samples to each landmark, fewer where each runs the network
RAY_POINTS, NUMERICAL_RAY_POINTS = 80, 16
# flips of a side, where each runs the network
NUMERICAL_FLIPS = 8
# length in predicted radii of a side whose boundary is not reached
UNREACHED_LENGTH = 3.0
# a side is drawn to a multiple of its boundary or radius, and to one of its first flip
BEYOND_BOUNDARY, BEYOND_FLIP = 1.35, 1.15


@dataclass(frozen=True)
class SignedFlip:
    """A flip at `t` on the ray, negative on the − side, and the token that leads beyond it."""

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
    """A ray as it is drawn: curves over `t`, and its radius, boundaries and flips at one `ε`.

    Lengths are in `unit`; `epsilon`, `kl` and `quadratic` are in nats. A boundary is None where there
    is none, and `kinds` say why, and which are jumps: see `Boundaries`; `certificate` is None where
    nothing is certified. `flips` are those of either side, nearest first, and all there are where
    `has_exact_flips`; `flips_in_view` are those between the ends of `t`, from the − side to the + side,
    and divide it into `segments`. `shares` are
    the probabilities of the leading tokens along the ray, a row each, spelled by `names`; one more row
    is that of all other tokens together.
    """

    label: str
    epsilon: float
    t: Float[ndarray, " n"]
    kl: Float[ndarray, " n"]
    quadratic: Float[ndarray, " n"]
    predicted: float
    boundary: tuple[float | None, float | None]
    kinds: tuple[str, str]
    certificate: tuple[Bracket, Bracket] | None
    flips: tuple[list[Flip], list[Flip]]
    has_exact_flips: bool
    flips_in_view: list[SignedFlip]
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
            flips_in_view=[replace(flip, t=count(flip.t)) for flip in self.flips_in_view],
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
    found = ray.find(np.array([epsilon]))
    minus, plus = (t if np.isfinite(t) else None for t in found.distances[:, 0].tolist())
    boundary = minus, plus
    flips = ray.flips(limit=len(ray.slopes) if ray.state.is_at_readout else NUMERICAL_FLIPS)
    landmarks = [UNREACHED_LENGTH * predicted if side is None else side for side in boundary]
    start, stop = (
        _drawn_length(max(predicted, landmark), side)
        for landmark, side in zip(landmarks, flips, strict=True)
    )
    before, after = _flips_in_view(flips, (start, stop))
    segments = _segments(-start, before, ray.state.text(ray.state.argmax), after, stop)
    # these can be orders of magnitude apart where the prediction is nearly certain
    t = _samples(ray, [-start, -landmarks[0], -predicted, predicted, landmarks[1], stop])
    names, shares = _shares(ray, t, segments)
    return RayView(
        label=label,
        epsilon=epsilon,
        t=t,
        kl=ray.kl(t),
        quadratic=ray.quadratic(t),
        predicted=predicted,
        boundary=boundary,
        kinds=tuple(found.kinds[:, 0].tolist()),
        certificate=ray.certificate(epsilon),
        flips=flips,
        has_exact_flips=ray.state.is_at_readout,
        flips_in_view=[*before, *after],
        segments=segments,
        names=names,
        shares=shares,
    )


def _drawn_length(furthest: float, flips: Sequence[Flip]) -> float:
    """The length of a side that is drawn: past its boundary and ±r, and past a first flip near them."""
    length = BEYOND_BOUNDARY * furthest
    if flips and flips[0].distance < 2 * length:
        return max(length, BEYOND_FLIP * flips[0].distance)
    return length


def _samples(ray: Ray, landmarks: Sequence[float]) -> Float[ndarray, " n"]:
    """Where the curves are sampled: evenly from the state to each landmark."""
    points = RAY_POINTS if ray.state.is_linear else NUMERICAL_RAY_POINTS
    return np.unique(np.concatenate([np.linspace(0, landmark, points) for landmark in landmarks]))


def _flips_in_view(
    flips: tuple[list[Flip], list[Flip]], lengths: tuple[float, float]
) -> tuple[list[SignedFlip], list[SignedFlip]]:
    """The flips of either side that are nearer than its end, all from the − side to the + side."""
    minus, plus = (
        [flip for flip in side if flip.distance < length]
        for side, length in zip(flips, lengths, strict=True)
    )
    return (
        [SignedFlip(-flip.distance, flip.text) for flip in reversed(minus)],
        [SignedFlip(flip.distance, flip.text) for flip in plus],
    )


def _segments(
    start: float, before: Sequence[SignedFlip], text: str, after: Sequence[SignedFlip], stop: float
) -> list[Segment]:
    """The stretches between flips from `start` to `stop`; that of the state belongs to `text`."""
    bounds = [start, *(flip.t for flip in (*before, *after)), stop]
    texts = [*(flip.text for flip in before), text, *(flip.text for flip in after)]
    return [Segment(*span) for span in zip(bounds[:-1], bounds[1:], texts, strict=True)]


def _shares(
    ray: Ray, t: Float[ndarray, " n"], segments: Sequence[Segment]
) -> tuple[list[str], Float[ndarray, "m n"]]:
    """Names and probabilities of the leading tokens, and the probability of all others together.

    Leading are the most likely tokens of all segments, and then those that are likely at the state or
    at an end; the likeliest at the state comes first.
    """
    middles = [(segment.start + segment.stop) / 2 for segment in segments]
    probabilities = ray.probabilities(np.array([0.0, t[0], t[-1], *middles]))
    merit = probabilities.max(axis=1)
    merit[probabilities.argmax(axis=0)] += 1
    leading = largest(merit, LEADING_TOKENS)
    leading = leading[np.argsort(-probabilities[leading, 0], kind="stable")]
    shares = ray.probabilities(t, leading)
    others = np.clip(1 - shares.sum(axis=0, keepdims=True), 0, 1)
    names = [ray.state.text(int(i)) for i in leading]
    return names, np.concatenate([shares, others])
