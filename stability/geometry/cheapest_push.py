"""The cheapest push that makes a token win, beside the plain one.

Where logits are linear it is the solution of a convex problem, with a certified gap. Elsewhere it is
the natural gradient of the token's lead, and the divergence is that at the true crossing along it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

from stability.arguments import whole
from stability.curvature.direction import unit
from stability.curvature.least_push import TOLERANCE, least_push
from stability.curvature.natural_gradient import (
    gradient_of_lead,
    lead_missing,
    natural_gradient,
    require_rival,
)
from stability.curvature.newton_step import Metric
from stability.curvature.newton_step import metric as metric_of
from stability.errors import StabilityError
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
        distance: where along it the token takes over, in coordinates; None if it never does.
        nats: the true `KL(p‖q)` there; None if it never does.
        predicted: the closed form, `(z_top − z_b)²/(2 gᵀH⁻¹g)` nats; far too low for a rare token.
        bound: what no push of this vector does it for less than, in nats.
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
        """`plain_nats / nats`; None where a token takes over at no cost, or never does."""
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
            "plain": {"distance": self.plain_distance, "nats": self.plain_nats},
            "times_cheaper": self.times_cheaper,
        }


def cheapest_push(state: State, target: int | Iterable[int]) -> Push:
    """The push that makes a token, or any of several, the most likely for the least `KL(p‖q)`.

    Args:
        state: a captured vector, at any site.
        target: the id of the token; or several, of which the cheapest is found, each by a problem of
            its own.

    Returns:
        Where the logits are linear, the solution of the convex problem, to a millionth. Elsewhere,
        below `prelogit` or with soft-capping, the problem is not convex: the natural gradient
        `H⁻¹g`, by conjugate gradients on exact products, and the true crossing along it.

    Raises:
        StabilityError: a token is the most likely already, or no push makes any of them win.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 1.0, 0.0]))
    >>> push = stability.cheapest_push(state, 2)
    >>> round(push.nats, 3), round(push.plain_nats, 3), round(push.times_cheaper, 2)
    (0.248, 0.266, 1.08)
    """
    tokens = [target] if not isinstance(target, Iterable) else [*dict.fromkeys(target)]
    if not tokens:
        raise StabilityError("A push needs a target; received no tokens: give the id of one.")
    for token in tokens:
        require_rival(state, whole(token, "A token id", least=0))
    tokens.sort(key=lambda token: -float(state.log_probs[token]))
    [push], _ = cheapest_of(state, tokens, 1, len(tokens), TOLERANCE)
    return push


def cheapest_of(
    state: State, tokens: Sequence[int], n: int, most: int, tolerance: float
) -> tuple[tuple[Push, ...], float]:
    """The `n` cheapest of some tokens, the likeliest first, of which at most so many are tried.

    Returns:
        Their pushes, and what the tokens that were not tried cost at least: the divergence of the
        pooled prediction never grows with a token's probability.

    Raises:
        last: no push makes any of them win.
    """
    metric = metric_of(state) if state.is_linear else None
    found: list[Push] = []
    last: StabilityError | None = None
    for tried, token in enumerate(tokens):
        others = pooled_divergence(state.log_probs, token)
        costs = sorted(_cost(push) for push in found)
        if tried == most or (len(costs) >= n and costs[n - 1] <= others):
            break
        try:
            found.append(_push(state, token, metric, tolerance))
        except StabilityError as error:
            last = error
    else:
        others = math.inf
    if not found and last:
        raise last
    return tuple(sorted(found, key=_cost)[:n]), others


def _cost(push: Push) -> float:
    return math.inf if push.nats is None else push.nats


def _push(state: State, token: int, metric: Metric | None, tolerance: float) -> Push:
    """The push to one token, and the true crossings along it and along the plain direction."""
    if metric:
        least = least_push(state, token, metric, tolerance)
        vector, square, bound = least.delta, least.square, least.bound
    else:
        gradient = natural_gradient(state, token)
        vector, square = gradient.vector, gradient.square
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
