"""The gain of the final norm, `g` of `g ⊙ x/rms(x)`, as the network above a state shows it."""

import torch
from jaxtyping import Float
from torch import Tensor

from stability.errors import StabilityError
from stability.prediction.jacobian import Jacobian
from stability.prediction.state import State

AGREEMENT = 1e-4  # relative, of the norm's derivative


def final_gain(state: State) -> Float[Tensor, " D"]:
    """Return `g_i = y_i·rms(x)/x_i`, of the vectors before and after the final norm.

    A quotient of one product and another: nothing cancels. Whether the norm is of this kind is tried on
    its derivative, `Jᵀu = (g⊙u − x̂ (x̂·(g⊙u)))/rms`.

    Args:
        state: below the final norm.

    Returns:
        The gain of every coordinate.

    Raises:
        StabilityError: the state is at `prelogit`; or the norm is of another kind, as where it
            subtracts the mean or adds a bias.
    """
    if state.above is None:
        raise StabilityError(
            f"A Jacobian lens belongs below the final norm; the state is at {state.site}: capture it "
            "at a block."
        )
    with torch.enable_grad():
        start = state.vector.detach()[None].clone().requires_grad_(True)
        *_, x, y = state.above.trajectory(start)
    if x.numel() == y.numel():
        before, after = (part.detach().double().reshape(-1) for part in (x, y))
        rms = before.square().mean().sqrt()
        gain = after * rms / before
        draw = torch.Generator().manual_seed(0)
        u = torch.randn(len(gain), generator=draw, dtype=torch.float64).to(gain)
        [pulled] = Jacobian(y, [x]).vjp(u[:, None])
        # where x_i is 0 so are y_i and x̂_i, and only g_i u_i/rms is left of the derivative
        gain = torch.where(before == 0, pulled[:, 0] * rms / u, gain)
        scaled, axis = gain * u, before / before.norm()
        expected = (scaled - axis * (axis @ scaled)) / rms
        if (pulled[:, 0] - expected).norm() <= AGREEMENT * expected.norm():
            return gain
    raise StabilityError(
        f"A Jacobian lens is read for models whose final norm is a root mean square; that of "
        f"{state.model.name} is another: give the rows W_U·diag(g)·J themselves as a matrix."
    )
