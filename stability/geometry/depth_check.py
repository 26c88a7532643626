"""The closed form at all depths against the truth: predicted and true radii of every block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from stability.arguments import nats
from stability.curvature import fisher
from stability.errors import StabilityError
from stability.geometry.depth import Depth
from stability.numerical.crossings import Lines
from stability.prediction.state import State
from stability.units import relative_error

SPAN = 3  # predicted radii on either side


@dataclass(frozen=True, eq=False)
class DepthCheck:
    """The closed form against the truth at every block, along each block's own top direction.

    Attributes:
        epsilon: the divergence of the radii, in nats.
        predicted: each block's predicted radius, (L,), in coordinates; infinite without curvature.
        actual: the distances, (minus, plus), at which the divergence first reaches `epsilon`, (L, 2),
            in coordinates; infinite where it does not, NaN where rounding hides it.
        scale: signed distances as multiples of the predicted radius, (n,), the same for all blocks.
        kl: the divergence at `scale` times each block's predicted radius, (L, n), in nats.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([1.0, 0.0, 0.0]), [lambda x: 2 * x])
    >>> check = stability.depth_check(stability.depth(state), [state], 0.01)
    >>> check.errors.round(3)  # one block: too far on the minus side, too near on the plus side
    array([[ 0.031, -0.035]])
    """

    epsilon: float
    predicted: Float[ndarray, " L"]
    actual: Float[ndarray, "L 2"]
    scale: Float[ndarray, " n"]
    kl: Float[ndarray, "L n"]

    @property
    def errors(self) -> Float[ndarray, "L 2"]:
        """`predicted/actual − 1` on both sides of each block; NaN where nothing is reached."""
        actual = np.where(np.isinf(self.actual), np.nan, self.actual)
        return relative_error(self.predicted[:, None], actual)

    @property
    def count_within_a_tenth(self) -> int:
        """The number of sides of blocks with `|errors| ≤ 0.1`; unreached sides do not count."""
        return int((np.abs(self.errors) <= 0.1).sum())

    @property
    def median_error(self) -> float:
        """The median of `|errors|` over the sides that reach `epsilon`; NaN where none does."""
        reached = self.errors[~np.isnan(self.errors)]
        return float(np.median(np.abs(reached))) if reached.size else float("nan")

    @property
    def quadratic(self) -> Float[ndarray, " n"]:
        """What the closed form takes every curve of `kl` to be, `ε (t/r)²`."""
        return fisher.quadratic(2 * self.epsilon, self.scale)


def depth_check(
    depth: Depth,
    states: Sequence[State],
    epsilon: float,
    progress: Callable[[float], None] = lambda fraction: None,
) -> DepthCheck:
    """The closed form against the truth at every block, along the directions of a depth.

    Args:
        depth: the directions of every block.
        states: those of the same position, block by block: `LanguageModel.capture_depth`.
        epsilon: nats.
        progress: called with the fraction that is done; what it raises ends the work.

    Returns:
        Predicted and true radii, infinite for blocks without curvature, and curves of KL.

    Raises:
        StabilityError: `epsilon` is not a positive number of nats, or there are more or fewer states
            than blocks.

    >>> import stability, torch
    >>> W_U, x = torch.eye(3).double(), torch.tensor([1.0, 0.0, 0.0]).double()
    >>> blocks = (lambda x: x + x.tanh(), lambda x: 2 * x)
    >>> state = stability.bare_state(W_U, x, blocks)
    >>> above = stability.bare_state(W_U, blocks[0](x), blocks[1:])
    >>> stability.depth_check(stability.depth(state), [state, above], 0.01).actual.round(3)
    array([[0.14 , 0.172],
           [0.231, 0.277]])
    """
    epsilon = nats(epsilon)
    if len(states) != len(depth.directions):
        raise StabilityError(
            f"A check needs one state for each of the {len(depth.directions)} blocks of the depth; "
            f"received {len(states)}: capture the same position with `LanguageModel.capture_depth`."
        )
    scale = np.linspace(-SPAN, SPAN, 10 * SPAN + 1)
    predicted = np.array([np.inf if r is None else r for r in depth.radii(epsilon)])
    actual, kl = np.full((len(states), 2), np.inf), np.zeros((len(states), len(scale)))
    for block, (state, direction) in enumerate(zip(states, depth.directions, strict=True)):
        progress(block / len(states))
        if np.isinf(predicted[block]):
            continue
        both = torch.stack([-direction, direction], dim=1)
        sides = Lines(state, both, np.full(2, float(depth.eigenvalues[block])))
        actual[block] = sides.crossings(np.array([epsilon])).distances[:, 0]
        kl[block] = sides.at((scale >= 0).astype(int), np.abs(scale) * predicted[block]).kl
    return DepthCheck(epsilon, predicted, actual, scale, kl)
