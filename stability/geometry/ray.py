"""One direction from one state: the closed form, and the truth."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability import arguments
from stability.curvature import fisher
from stability.curvature.direction import unit
from stability.exact.boundaries import Boundaries
from stability.exact.flips import Flip
from stability.exact.line import ExactLine
from stability.geometry import reach
from stability.geometry.push import PushedToken, pushed_tokens
from stability.geometry.truth import LineTruth
from stability.numerical.line import NumericalLine
from stability.prediction.state import State

Bracket = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Ray:
    """The line `vector + t·direction`, with the slope of each logit at its start.

    `state` is the state at `t = 0`, `direction` (d,) a unit vector, and `t` a length in the state's own
    coordinates, negative on the minus side; divergences are in nats. The closed form follows from
    `device_slopes` (V,), the centred `a_c` of every token; the truth is exact where logits are linear.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> ray = stability.ray(state, np.array([-1.0, 1.0, 0.0]))
    >>> ray.kl(0.5).round(3), ray.quadratic(0.5).round(3)
    (array([0.031]), array([0.027]))
    """

    state: State
    direction: Float[Tensor, " d"] = field(repr=False)
    device_slopes: Float[Tensor, " V"] = field(repr=False)

    @cached_property
    def slopes(self) -> Float[ndarray, " V"]:
        """The centred slope `a_c` of every token, in nats per coordinate."""
        return self.device_slopes.cpu().numpy()

    @cached_property
    def exact(self) -> ExactLine | None:
        """The exact truth along the line, where logits are linear in the state; None elsewhere."""
        return ExactLine(self.state, self.device_slopes) if self.state.is_linear else None

    @cached_property
    def truth(self) -> LineTruth:
        """The truth along the line, exact or evaluated."""
        return self.exact or NumericalLine(self.state, self.direction, self.curvature)

    @cached_property
    def curvature(self) -> float:
        """`vᵀHv`, the variance of the slope under `p`, in nats per squared coordinate."""
        return float(fisher.projected_hessian(self.state.probs, self.device_slopes[:, None]))

    @property
    def cumulants(self) -> tuple[float, float, float] | None:
        """`κ₂, κ₃, κ₄` of `KL(t) = κ₂t²/2 + κ₃t³/6 + κ₄t⁴/24 + …`; None unless logits are linear."""
        return self.exact.cumulants if self.exact else None

    def _reached(self, t: Any) -> Float[ndarray, " n"]:
        return reach.distances(t, self.exact.distribution.slopes.ends if self.exact else None)

    def kl(self, t: Float[ndarray, " n"] | float) -> Float[ndarray, " n"]:
        """The true divergence `KL(p₀‖p_t)`, in nats, at distances `t`."""
        return self.truth.kl(self._reached(t))

    def quadratic(self, t: Float[ndarray, " n"] | float) -> Float[ndarray, " n"]:
        """The divergence by the closed form, `½ t² vᵀHv`, in nats."""
        return fisher.quadratic(self.curvature, self._reached(t))

    def predicted_radius(self, epsilon: float) -> float | None:
        """The closed form `sqrt(2ε / vᵀHv)`, or None in a direction without curvature."""
        return fisher.radius(self.curvature, epsilon)

    def relative_radius(self, epsilon: float) -> float | None:
        """The predicted radius as a part of the vector's norm, `r/‖vector‖`."""
        r = self.predicted_radius(epsilon)
        return None if r is None else r / self.state.norm

    @property
    def resolution(self) -> float:
        """The least `ε`, in nats, whose boundary the network's rounding leaves to 1 %; else 0."""
        return self.truth.resolution

    def boundary(self, epsilon: float) -> tuple[float | None, float | None]:
        """Distances of the boundaries `(minus, plus)`, None where there is none: `find` says why."""
        minus, plus = self.boundaries(np.array([arguments.nats(epsilon)]))[:, 0].tolist()
        return minus if math.isfinite(minus) else None, plus if math.isfinite(plus) else None

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 m"]:
        """Distances of the boundaries, (minus, plus), for every `ε`: see `find`."""
        return self.find(epsilon).distances

    def find(self, epsilon: Float[ndarray, " m"]) -> Boundaries:
        """Where, and how, the true divergence first reaches every `ε`, (minus, plus).

        Returns:
            Distances; infinite on a side on which no token gains, and, where the logits are not linear,
            if it is not reached within five norms of the vector; NaN for `ε` below `resolution`.
        """
        return self.truth.boundaries(arguments.levels(epsilon))

    def certificate(self, epsilon: float) -> tuple[Bracket, Bracket] | None:
        """Guaranteed `(inner, outer)` distances of both boundaries; None where a side has none."""
        bounds = self.certificates(np.array([arguments.nats(epsilon)]))
        if bounds is None or not np.isfinite(bounds).all():
            return None
        minus, plus = ((inner, outer) for inner, outer in bounds[..., 0].tolist())
        return minus, plus

    def certificates(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"] | None:
        """Guaranteed distances, (minus, plus) × (inner, outer), for every `ε`; None unless linear."""
        epsilon = arguments.levels(epsilon)
        return self.exact.certificates(epsilon) if self.exact else None

    def moment_brackets(self, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"] | None:
        """As `certificates`, from four moments and the extreme slopes: tighter.

        Returns:
            Brackets, whose geometric mean is the best guess made without exponentials of all tokens.
        """
        epsilon = arguments.levels(epsilon)
        return self.exact.moment_brackets(epsilon) if self.exact else None

    def probabilities(
        self, t: Float[ndarray, " n"] | float, tokens: Int[ndarray, " m"] | slice = slice(None)
    ) -> Float[ndarray, "m n"]:
        """Probabilities of tokens along the ray, of all of them unless some are named."""
        ids = arguments.token_ids(tokens, self.state.readout.vocab_size)
        return self.truth.probabilities(self._reached(t), ids)

    def pushed(self, n: int) -> tuple[list[PushedToken], list[PushedToken]]:
        """The `n` tokens that lose and gain most probability per unit length, `dp_i/dt = p_i a_c,i`."""
        return pushed_tokens(self.state, self.slopes, n)

    def flips(self, limit: int = 8) -> tuple[list[Flip], list[Flip]]:
        """The argmax changes on the minus and on the plus side, in order of distance."""
        return self.truth.flips(arguments.whole(limit, "A number of flips", least=0))

    def trust_range(self, tolerance: float = 0.1) -> tuple[float | None, float | None]:
        """The first `t` of each side at which the quadratic is off by `tolerance` of the true KL.

        Returns:
            None for a side on which it stays within that: up to a hundred times the closed-form radius
            of one nat, or, where the logits are not linear, within five norms of the vector.

        Raises:
            StabilityError: `tolerance` is not positive.
        """
        tolerance = arguments.positive(tolerance, "A tolerance")
        is_normal = self.curvature > np.finfo(float).tiny
        return self.truth.trust_range(tolerance) if is_normal else (None, None)


def ray(state: State, direction: Float[Tensor, " d"] | Float[ndarray, " d"]) -> Ray:
    """The ray from a state along a direction.

    Args:
        state: a captured vector, at any site.
        direction: a vector in the state's coordinates; its length does not matter.

    Returns:
        The ray: `KL(t)`, the closed form `sqrt(2ε / vᵀHv)`, the true boundaries, and their brackets.

    Raises:
        StabilityError: the direction is zero, not finite, or does not have `d` components.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> ray = stability.ray(state, np.array([1.0, 0.0, 0.0]))
    >>> minus, plus = ray.boundary(0.1)
    >>> round(ray.predicted_radius(0.1), 3), round(minus, 3), round(plus, 3)
    (1.092, 1.005, 1.24)
    """
    [only] = rays(state, [direction])
    return only


def rays(
    state: State, directions: Iterable[Float[Tensor, " d"] | Float[ndarray, " d"]]
) -> list[Ray]:
    """The rays along several directions, in one read of `W_U`."""
    units = torch.stack([unit(v, state.width) for v in directions]).to(state.vector.device)
    slopes = fisher.centred_slopes(state, units.T).T.contiguous()
    return [Ray(state, v, a) for v, a in zip(units, slopes, strict=True)]
