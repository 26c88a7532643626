"""The push to a token: its direction, and where along it, and for how much, the token takes over."""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature.direction import unit
from stability.curvature.least_push import least_push
from stability.curvature.metric import Metric
from stability.curvature.reachability import lead_missing
from stability.geometry.ray import Ray, rays
from stability.prediction.perturbation import perturb
from stability.prediction.state import State

MOST_FLIPS = 256  # along a ray, among which the token's is looked for


@dataclass(frozen=True, eq=False)
class Push:
    """The push of a state that makes a token win for the least divergence, and the plain one.

    Attributes:
        id: that of the token.
        text: its characters.
        probability: its own, before the push.
        direction: the unit vector to push along, (d,).
        distance: where along it the token takes over, in coordinates; None if it is not among the first
            256 to do so.
        nats: the true `KL(p‖q)` there; None where `distance` is.
        predicted: the closed form, `(z_top − z_b)²/(2 gᵀH⁻¹g)` nats at the readout; far too low for a
            rare token.
        bound: what no push at any site does it for less than, in nats, if it moves the readout's vector
            at most ten times as far; less what rounding may take from `nats`.
        plain_distance: the same as `distance` along `g = Jᵀ(e_b − e_top)`, `w_b − w_top` at `prelogit`.
        plain_nats: the divergence there.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 1.0, 0.0]))
    >>> push = stability.cheapest_push(state, 1)
    >>> push.direction.numpy().round(3), round(push.distance, 3), push.gap < 1e-6
    (array([-0.644,  0.756, -0.112]), 0.714, True)
    """

    id: int
    text: str
    probability: float
    direction: Float[Tensor, " d"] = field(repr=False)
    distance: float | None
    nats: float | None
    predicted: float
    bound: float
    plain_distance: float | None
    plain_nats: float | None

    @property
    def times_cheaper(self) -> float | None:
        """`plain_nats / nats`; None where a token takes over at no cost, or none is found to."""
        return self.plain_nats / self.nats if self.nats and self.plain_nats is not None else None

    @property
    def gap(self) -> float | None:
        """What `nats` may exceed the least possible by, certified."""
        return None if self.nats is None else max(self.nats - self.bound, 0.0)

    def report(self) -> dict[str, Any]:
        """All numbers as plain data, ready for JSON; the direction is left out."""
        return {
            "id": self.id,
            "text": self.text,
            "probability": self.probability,
            "distance": self.distance,
            "nats": self.nats,
            "bound": self.bound,
            "predicted": self.predicted,
            "plain": {"distance": self.plain_distance, "nats": self.plain_nats},
            "times_cheaper": self.times_cheaper,
        }


def push_to(state: State, token: int, metric: Metric | None, tolerance: float) -> Push:
    """Find the push to one token, and the true crossings along it and along the plain direction.

    Args:
        state: a captured vector, at any site.
        token: the id of the token that is to win.
        metric: that of the state at the readout, where it is made once for several tokens.
        tolerance: the part of the divergence that may be left to gain.

    Returns:
        The push, with all its numbers.

    Raises:
        StabilityError: none is found.
    """
    least = least_push(state, token, metric, tolerance)
    cheap, plain = rays(state, [least.delta, gradient_of_lead(state, token)])
    (distance, nats), (plain_distance, plain_nats) = (
        _crossing(ray, token) for ray in (cheap, plain)
    )
    return Push(
        id=token,
        text=state.text(token),
        probability=float(state.probs[token]),
        direction=unit(least.delta, state.width),
        distance=distance,
        nats=nats,
        predicted=lead_missing(state, token) ** 2 / (2 * least.square),
        bound=least.bound,
        plain_distance=plain_distance,
        plain_nats=plain_nats,
    )


def gradient_of_lead(state: State, token: int) -> Float[Tensor, " d"]:
    """`Jᵀ(e_b − e_top)`: the plain difference direction, not of unit length."""
    weights = torch.zeros_like(state.probs)
    weights[token], weights[state.argmax] = 1.0, -1.0
    return state.pull_back(weights[:, None])[:, 0]


def _crossing(ray: Ray, token: int) -> tuple[float, float] | tuple[None, None]:
    """Where a token first takes over along a ray, and the divergence there, by all tokens."""
    for flip in ray.flips(MOST_FLIPS)[1]:
        if flip.id == token:
            return flip.distance, float(
                perturb(ray.state, flip.distance * ray.direction[None]).kl[0]
            )
    return None, None
