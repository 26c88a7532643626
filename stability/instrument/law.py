"""The law of a ray: all that a browser needs to draw it at every `t` and every `ε`.

Where logits are linear, KL along a ray is the cumulant generating function of the centred slope under
`p`. Merged into intervals, a vocabulary becomes some hundred atoms; with them go the tokens that lead
somewhere in reach, each with its log-probability and slope, and the lines from which a certificate is
made. The scripts in `js/` compute with these what `exact/` computes with all tokens.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.exact.discrete_measure import DiscreteMeasure, weighted
from stability.exact.flips import Flip
from stability.exact.slope_distribution import SlopeDistribution
from stability.geometry.ray import Ray
from stability.instrument.epsilons import LARGEST_EPSILON
from stability.instrument.named import Places, named
from stability.instrument.plain import plain

# of the boundary at the largest budget, how far a side is drawn
REACH = 1.5
# relative error of a divergence, by the bound for merging
MERGE_TOLERANCE = 1e-7
INTERVALS = (128, 256, 512, 1024, 2048)
# a token of less log weight all over is nothing in any sum
NEGLIGIBLE = -60.0
# tokens that are named, and argmax changes of a side
LEADING, FLIPS = 40, 19


@dataclass(frozen=True, eq=False)
class Law:
    """A ray as a browser holds it.

    `values` and `log_weights` are the atoms; `reach` is how far either side may be asked for,
    (minus, plus); `ids`, `log_probs` and `slopes` belong to the leading tokens, the most likely first;
    `flips` are those of either side, (minus, plus), in order: the distance, and the place of the token
    beyond it among the leading ones. `lines` are those of `KL(t) ≥ log p_j + t·a_c,j` that matter on
    either side, as (log p, a); `ends` and `variance` are those of all tokens, `rounding` what a
    certificate is widened by, (minus, plus), 1 where nothing is certain.
    """

    values: Float[ndarray, " n"]
    log_weights: Float[ndarray, " n"]
    reach: tuple[float, float]
    ids: Int[ndarray, " m"]
    log_probs: Float[ndarray, " m"]
    slopes: Float[ndarray, " m"]
    flips: Places
    lines: tuple[Float[ndarray, "k 2"], Float[ndarray, "j 2"]]
    ends: tuple[float, float]
    variance: float
    rounding: tuple[float, float]

    def as_json(self) -> dict[str, Any]:
        """The law as plain lists and numbers, for the scripts."""
        named: dict[str, Any] = plain(asdict(self))
        return named


def law(ray: Ray) -> Law | None:
    """The law of a ray whose logits are linear; None elsewhere, and in a direction without effect."""
    exact = ray.exact
    if exact is None or not exact.distribution.tokens.variance > 0:
        return None
    tokens = exact.distribution.tokens
    found = ray.flips(limit=FLIPS)
    reach = _reach(found, exact.distribution)
    measure = _merged(tokens, reach)
    ids, flips = named(ray, found, reach, LEADING)
    # of 1 or more, nothing is certain; an infinity is no JSON
    minus, plus = np.minimum(exact.rounding, 1.0).tolist()
    return Law(
        values=measure.values,
        log_weights=measure.log_weights,
        reach=reach,
        ids=ids,
        log_probs=tokens.log_weights[ids],
        slopes=tokens.values[ids],
        flips=flips,
        lines=(_lines(tokens, -1), _lines(tokens, 1)),
        ends=(float(tokens.supported.min()), float(tokens.supported.max())),
        variance=float(tokens.variance),
        rounding=(minus, plus),
    )


def _reach(flips: Sequence[Sequence[Flip]], distribution: SlopeDistribution) -> tuple[float, float]:
    """How far either side is of use: past the largest budget's boundary, and past a first flip."""
    boundaries = distribution.boundaries(np.array([LARGEST_EPSILON]))[:, 0]
    first = [side[0].distance if side else 0.0 for side in flips]
    finite = boundaries[np.isfinite(boundaries)].max(initial=0.0)
    minus, plus = (
        REACH * max(boundary if np.isfinite(boundary) else finite, min(flip, 4 * finite))
        for boundary, flip in zip(boundaries, first, strict=True)
    )
    return float(minus), float(plus)


def _merged(tokens: DiscreteMeasure, reach: tuple[float, float]) -> DiscreteMeasure:
    """Few atoms that stand for all tokens within reach, or all that have any weight there."""
    t = np.concatenate(
        [-np.geomspace(1e-3, 1, 12) * reach[0], np.geomspace(1e-3, 1, 12) * reach[1]]
    )
    for intervals in INTERVALS:
        distribution = SlopeDistribution.of(tokens, intervals)
        kl = distribution.merged.kl_and_slope(t)[0]
        if (distribution.merge_error(t, kl) <= MERGE_TOLERANCE * kl).all():
            break
    else:
        return that_matter(tokens, np.array(reach))
    merged = distribution.merged
    kept = merged.weights > 0
    return weighted(merged.values[kept], merged.weights[kept])


def that_matter(tokens: DiscreteMeasure, reach: Float[ndarray, "*k 2"]) -> DiscreteMeasure:
    """The tokens of any weight on one of some lines, as far as each is followed, (minus, plus).

    The logarithm of a weight is linear along a line, and largest at an end.
    """
    ends = np.where(np.isfinite(reach), reach, 0.0) * np.array([-1.0, 1.0])
    most = tokens.log_weights.copy()
    for t in np.moveaxis(ends, -1, 0):
        along = tokens.log_weights + t[..., None] * tokens.values
        np.maximum(most, along.reshape(-1, len(most)).max(axis=0), out=most)
    kept = most >= NEGLIGIBLE
    return DiscreteMeasure(tokens.values[..., kept], tokens.weights[kept], tokens.log_weights[kept])


def _lines(tokens: DiscreteMeasure, sign: int) -> Float[ndarray, "k 2"]:
    """The lines `log p_j + t a_j` of a side whose crossing with some `ε` is the nearest of all.

    The nearest, `min_j (ε − log p_j)/a_j`, is concave in `ε` and made of few of them: they are found
    from `ε = 0` on, by the next one that is nearer.
    """
    slopes = sign * tokens.supported
    gaining = np.flatnonzero((slopes > 0) & np.isfinite(tokens.log_weights))
    if not gaining.size:
        return np.zeros((0, 2))
    a, log_p = slopes[gaining], tokens.log_weights[gaining]
    offset, rate = -log_p / a, 1 / a
    nearest = np.flatnonzero(offset == offset.min())
    current, epsilon, lines = int(nearest[rate[nearest].argmin()]), 0.0, []
    while True:
        lines.append((log_p[current], a[current]))
        slower = np.flatnonzero(rate < rate[current])
        if not slower.size:
            break
        crossing = (offset[slower] - offset[current]) / (rate[current] - rate[slower])
        epsilon = max(epsilon, float(crossing.min()))
        if epsilon > LARGEST_EPSILON:
            break
        tied = slower[crossing <= epsilon]
        current = int(tied[rate[tied].argmin()])
    return np.array(lines)
