"""The tokens that a line of a scene names, and by their places where one takes over from another."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from stability.exact.flips import Flip
from stability.geometry.ray import Ray
from stability.numerics import largest

# most likely tokens of a state that are listed
NEXT = 10

Places = tuple[list[tuple[float, int]], list[tuple[float, int]]]


def named(
    ray: Ray, flips: Sequence[Sequence[Flip]], reach: tuple[float, float], count: int
) -> tuple[Int[ndarray, " m"], Places]:
    """The tokens that are named, the most likely at the state first, and the flips within reach.

    At least `count` are named: those that are listed, all that take over, and the most likely at the
    state or at an end. Of a flip, on the minus and on the plus side, stands the distance and the place
    of the token beyond it among them.
    """
    sides = [
        [flip for flip in side if flip.distance <= length]
        for side, length in zip(flips, reach, strict=True)
    ]
    ids = _leading(ray, [flip.id for side in sides for flip in side], reach, count)
    place = {token: index for index, token in enumerate(ids.tolist())}
    minus, plus = ([(flip.distance, place[flip.id]) for flip in side] for side in sides)
    return ids, (minus, plus)


def _leading(
    ray: Ray, winners: Sequence[int], reach: tuple[float, float], count: int
) -> Int[ndarray, " m"]:
    probabilities = ray.probabilities(np.array([0.0, -reach[0], reach[1]]))
    merit = probabilities.max(axis=1)
    needed = {ray.state.argmax, *winners}
    needed.update(largest(probabilities[:, 0], min(NEXT, len(merit))).tolist())
    merit[[*needed]] += 1
    ids = largest(merit, max(count, len(needed)))
    order = -probabilities[ids, 0]
    # of several that are as likely, the argmax is the one of the lowest id
    order[ids == ray.state.argmax] -= 1
    return ids[np.argsort(order, kind="stable")]
