"""The push to a token: its direction, and where along it, and for how much, the token takes over."""

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

from stability.curvature.direction import unit
from stability.curvature.least_push import least_push
from stability.curvature.natural_gradient import gradient_of_lead, natural_gradient
from stability.curvature.newton_step import Metric
from stability.curvature.reachability import lead_missing
from stability.geometry.ray import Ray, rays
from stability.prediction.perturbation import perturb
from stability.prediction.pooling import pooled_divergence
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
        predicted: the closed form, `(z_top − z_b)²/(2 gᵀH⁻¹g)` nats; far too low for a rare token, too
            high where it has not converged.
        residual: `‖H x − g‖/‖g‖` of the natural gradient `x`; None where logits are linear, since
            `gap` says there what is left.
        is_converged: whether the residual is as small as it should be, some thousandth.
        bound: what no push of this vector does it for less than, in nats; where logits are linear, less
            what rounding may take from `nats`.
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
    residual: float | None
    is_converged: bool
    bound: float
    plain_distance: float | None
    plain_nats: float | None

    @property
    def times_cheaper(self) -> float | None:
        """`plain_nats / nats`; None where a token takes over at no cost, or none is found to."""
        return self.plain_nats / self.nats if self.nats and self.plain_nats is not None else None

    @property
    def gap(self) -> float | None:
        """What `nats` may exceed the least possible by, certified where the logits are linear."""
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
            "residual": self.residual,
            "is_converged": self.is_converged,
            "plain": {"distance": self.plain_distance, "nats": self.plain_nats},
            "times_cheaper": self.times_cheaper,
        }


def push_to(state: State, token: int, metric: Metric | None, tolerance: float) -> Push:
    """Find the push to one token, and the true crossings along it and along the plain direction.

    Args:
        state: a captured vector, at any site.
        token: the id of the token that is to win.
        metric: that of the state, where its logits are linear and the convex problem is solved; None
            for the natural gradient.
        tolerance: the part of the divergence that may be left to gain.

    Returns:
        The push, with all its numbers.

    Raises:
        StabilityError: none is found.
    """
    if metric:
        least = least_push(state, token, metric, tolerance)
        vector, square, bound = least.delta, least.square, least.bound
        residual, is_converged = None, True
    else:
        gradient = natural_gradient(state, token)
        vector, square = gradient.vector, gradient.square
        residual, is_converged = gradient.residual, gradient.is_converged
        bound = pooled_divergence(state.log_probs, token)
    cheap, plain = rays(state, [vector, gradient_of_lead(state, token)])
    (distance, nats), (plain_distance, plain_nats) = (
        _crossing(ray, token) for ray in (cheap, plain)
    )
    return Push(
        id=token,
        text=state.text(token),
        probability=float(state.probs[token]),
        direction=unit(vector, state.width),
        distance=distance,
        nats=nats,
        predicted=lead_missing(state, token) ** 2 / (2 * square),
        residual=residual,
        is_converged=is_converged,
        bound=bound,
        plain_distance=plain_distance,
        plain_nats=plain_nats,
    )


def _crossing(ray: Ray, token: int) -> tuple[float, float] | tuple[None, None]:
    """Where a token first takes over along a ray, and the divergence there, by all tokens."""
    for flip in ray.flips(MOST_FLIPS)[1]:
        if flip.id == token:
            return flip.distance, float(
                perturb(ray.state, flip.distance * ray.direction[None]).kl[0]
            )
    return None, None
