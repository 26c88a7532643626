"""The natural gradient of a token's lead: the direction in which it gains most for the divergence.

Of all `δ` that raise `z_b − z_top` by `s` to first order, the one of least `½ δᵀHδ` is
`s·H⁻¹g/(gᵀH⁻¹g)` with `g` the gradient of the lead, `Jᵀ(e_b − e_top)`, which is `w_b − w_top` at
`prelogit`; it costs `s²/(2 gᵀH⁻¹g)` nats. Where `J` is invertible that is the same at every site.
Source: Amari, *Natural gradient works efficiently in learning* (1998).
"""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.conjugate_gradients import conjugate_gradients
from stability.curvature.reachability import flat, require_rival
from stability.prediction.state import State

TOLERANCE, MOST_STEPS = 1e-3, 300  # of the residual, by its norm; and products with H
SOLVED = 2 * TOLERANCE  # the residual itself, which rounding parts from that of the recurrence


@dataclass(frozen=True, eq=False)
class NaturalGradient:
    """`H⁻¹g` of a token's lead at a state, as far as it is solved for.

    Attributes:
        vector: `x`, with `H x ≈ g`, (d,).
        square: `gᵀx`, which approaches `gᵀH⁻¹g`, the square in the metric of `H`, from below.
        residual: `‖H x − g‖/‖g‖`.
    """

    vector: Float[Tensor, " d"]
    square: float
    residual: float

    @property
    def is_converged(self) -> bool:
        """Whether the residual is some thousandth."""
        return self.residual <= SOLVED


def gradient_of_lead(state: State, token: int) -> Float[Tensor, " d"]:
    """`Jᵀ(e_b − e_top)`: the plain difference direction, not of unit length."""
    weights = torch.zeros_like(state.probs)
    weights[token], weights[state.argmax] = 1.0, -1.0
    return state.pull_back(weights[:, None])[:, 0]


def natural_gradient(state: State, token: int) -> NaturalGradient:
    """`H⁻¹g` by conjugate gradients on exact products, at a state of any site, untruncated.

    Returns:
        The solution whose `‖H x − g‖` is a thousandth of `‖g‖`, or what three hundred products give:
        its `residual` says so.

    Raises:
        flat: `H` vanishes. Another StabilityError where the token is the most likely already.
    """
    require_rival(state, token)
    gradient = gradient_of_lead(state, token)[:, None]
    products = partial(fisher.hvp, state)
    vector = conjugate_gradients(products, gradient, TOLERANCE, MOST_STEPS)
    square = float((gradient * vector).sum())
    if not square > 0:
        raise flat(state)
    residual = float((products(vector) - gradient).norm() / gradient.norm())
    return NaturalGradient(vector[:, 0], square, residual)
