"""Whether a push can make a token win: what is refused, and why none is found."""

import torch

from stability.errors import StabilityError
from stability.prediction.state import State
from stability.text import spelled

CROWDED = "too many tokens stay level with it"
SURROUNDED = "others are above it wherever the vector is, as its row of W_U lies among theirs"
LOST = "it would take logits that rounding hides"


class UnreachableError(StabilityError):
    """No push makes a token win."""


def lead_missing(state: State, token: int) -> float:
    """By how much a token's logit is below the highest, before any soft-capping."""
    return float(state.uncapped_logits[state.argmax] - state.uncapped_logits[token])


def require_rival(state: State, token: int) -> None:
    """Raise StabilityError unless a push can make this token win that does not already."""
    state.model.require_token(token)
    if token == state.argmax:
        raise StabilityError(
            f"A push must make another token win; {spelled(state.text(token))} (id {token}) is already "
            "the most likely: choose another."
        )
    if torch.equal(state.readout.W_U[token], state.readout.W_U[state.argmax]):
        raise UnreachableError(
            f"No push tells two tokens with the same row of W_U apart; received "
            f"{spelled(state.text(token))} (id {token}) and the most likely, id {state.argmax}: choose "
            "another."
        )


def flat(state: State) -> StabilityError:
    """The error where `H` vanishes."""
    return StabilityError(
        f"A cheapest push needs curvature; at this state of {state.model.name} at {state.site!r} H is "
        "zero, as the prediction is certain to all digits: choose another position."
    )


def not_found(state: State, token: int, reason: str) -> StabilityError:
    """The error where no push is found that makes a token win: unreachable only if `SURROUNDED`."""
    error = UnreachableError if reason == SURROUNDED else StabilityError
    return error(
        f"A push must exist that makes the token win; none was found for {spelled(state.text(token))} "
        f"(id {token}), as {reason}: choose another."
    )
