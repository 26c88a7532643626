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
from stability.errors import StabilityError
from stability.prediction.state import State
from stability.text import spelled

CROWDED = "too many tokens stay level with it"
SURROUNDED = "others are above it wherever the vector is, as its row of W_U lies among theirs"
LOST = "it would take logits that rounding hides"
TOLERANCE, MOST_STEPS = 1e-3, 300  # of the residual, by its norm; and products with H


@dataclass(frozen=True, eq=False)
class NaturalGradient:
    """`H⁻¹g` of a token's lead at a state, and `gᵀH⁻¹g`, its square in the metric of `H`."""

    vector: Float[Tensor, " d"]
    square: float


def lead_missing(state: State, token: int) -> float:
    """By how much a token's logit is below the highest, in nats."""
    return float(state.logits[state.argmax] - state.logits[token])


def require_rival(state: State, token: int) -> None:
    """Raise StabilityError unless a push can make this token win that does not already."""
    state.model.require_token(token)
    if token == state.argmax:
        raise StabilityError(
            f"A push must make another token win; {spelled(state.text(token))} (id {token}) is already "
            "the most likely: choose another."
        )
    if torch.equal(state.readout.W_U[token], state.readout.W_U[state.argmax]):
        raise StabilityError(
            f"No push tells two tokens with the same row of W_U apart; received "
            f"{spelled(state.text(token))} (id {token}) and the most likely, id {state.argmax}: choose "
            "another."
        )


def gradient_of_lead(state: State, token: int) -> Float[Tensor, " d"]:
    """`Jᵀ(e_b − e_top)`: the plain difference direction, not of unit length."""
    weights = torch.zeros_like(state.probs)
    weights[token], weights[state.argmax] = 1.0, -1.0
    return state.pull_back(weights[:, None])[:, 0]


def natural_gradient(state: State, token: int) -> NaturalGradient:
    """`H⁻¹g` by conjugate gradients on exact products, at a state of any site, untruncated.

    Returns:
        The solution whose `‖H x − g‖` is a thousandth of `‖g‖`, or that after three hundred products.

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
    return NaturalGradient(vector[:, 0], square)


def flat(state: State) -> StabilityError:
    """The error where `H` vanishes."""
    return StabilityError(
        f"A cheapest push needs curvature; at this state of {state.model.name} at {state.site!r} H is "
        "zero, as the prediction is certain to all digits: choose another position."
    )


def unreachable(state: State, token: int, reason: str) -> StabilityError:
    """The error where no push is found that makes a token win."""
    return StabilityError(
        f"A push must exist that makes the token win; none was found for {spelled(state.text(token))} "
        f"(id {token}), as {reason}: choose another."
    )
