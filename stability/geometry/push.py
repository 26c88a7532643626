"""The tokens that a direction pushes up and down: the meaning of the direction, at its start."""

from dataclasses import dataclass

from jaxtyping import Float
from numpy import ndarray

from stability import numerics
from stability.arguments import whole
from stability.prediction.state import State


@dataclass(frozen=True)
class PushedToken:
    """How fast a token gains probability along a ray, per unit length, at its start."""

    rate: float
    id: int
    text: str


def pushed_tokens(
    state: State, slopes: Float[ndarray, " V"], n: int
) -> tuple[list[PushedToken], list[PushedToken]]:
    """The tokens that lose and gain most probability along a ray: see `Ray.pushed`.

    Args:
        state: the state at the start of the ray.
        slopes: the centred `a_c` of every token.
        n: how many of each.

    Returns:
        Those that lose and those that gain, the fastest first, by `dp_i/dt = p_i a_c,i`.

    Raises:
        StabilityError: `n` is below 1.
    """
    n = whole(n, "A number of tokens", example=5)
    rates = state.probs.cpu().numpy() * slopes
    losing, gaining = (
        [PushedToken(float(rates[i]), int(i), state.text(int(i))) for i in side]
        for side in (numerics.largest(-rates, n), numerics.largest(rates, n))
    )
    return losing, gaining
