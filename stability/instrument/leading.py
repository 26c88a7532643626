"""The tokens that a line of a scene names."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from stability.exact.flips import Flip
from stability.geometry.ray import Ray
from stability.numerics import largest

# most likely tokens of a state that are listed
NEXT = 10


def leading(
    ray: Ray, flips: Sequence[Flip], reach: tuple[float, float], count: int
) -> Int[ndarray, " m"]:
    """The tokens that are named, the most likely at the state first: at least `count` of them.

    They are those that are listed, all that take over, and the most likely at the state or at an end.
    """
    probabilities = ray.probabilities(np.array([0.0, -reach[0], reach[1]]))
    merit = probabilities.max(axis=1)
    named = {ray.state.argmax, *(flip.id for flip in flips)}
    named.update(largest(probabilities[:, 0], min(NEXT, len(merit))).tolist())
    merit[[*named]] += 1
    ids = largest(merit, max(count, len(named)))
    order = -probabilities[ids, 0]
    # of several that are as likely, the argmax is the one of the lowest id
    order[ids == ray.state.argmax] -= 1
    return ids[np.argsort(order, kind="stable")]
