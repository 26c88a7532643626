"""All depths at once: how sensitive every block's output is, at one position.

As `H_L = J_Lᵀ H J_L`, with `J_L` the derivative of the readout's vector by what leaves block `L`, a
factor `H ≈ F Fᵀ` at the readout, pulled back through the network, passes by every block and leaves
`C_L = J_Lᵀ F` there: the recursion of the pulled-back metric (FishBack, arXiv 2605.17231).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.spectrum import low_rank_factor
from stability.curvature.subspace import sign_fixed
from stability.errors import StabilityError
from stability.numerical.crossings import Lines
from stability.prediction.distribution import require_nats
from stability.prediction.jacobian import Jacobian
from stability.prediction.state import State
from stability.units import relative_error

SPAN = 3  # predicted radii on either side
PAIRS = 32  # eigenpairs at the readout that are pulled back


@dataclass(frozen=True, eq=False)
class Depth:
    """One position of a prompt at every block, the first block's first.

    `directions` are, nearly, the top eigenvectors of `H` at each block's output, their largest
    component positive as in a `Spectrum`, and `eigenvalues` the curvatures along them; `norms` are the
    lengths of the residual stream there. `alignment` is the `|cos|` between what two blocks' directions
    do to the prediction: both are carried to the logits by the network's own derivative, and compared
    under the Fisher metric, in which equal lengths are equal divergences. One: it is the same change,
    made earlier or later. Zero: another.
    """

    state: State
    eigenvalues: Float[Tensor, " L"]
    directions: Float[Tensor, "L d"]
    norms: Float[Tensor, " L"]
    alignment: Float[Tensor, "L L"]

    def radii(self, epsilon: float) -> list[float | None]:
        """The shortest predicted radius at each block's output; None where there is no curvature."""
        return [fisher.radius(float(value), epsilon) for value in self.eigenvalues]


def depth(state: State) -> Depth:
    """Every block above a state at once, from two backward passes.

    The factor gives the directions; a second pass carries each to the logits, which gives the
    curvature along it: never more than the largest eigenvalue, and short of it by the square of the
    direction's error.

    Args:
        state: the state at the first block of interest, usually `block:0`.

    Returns:
        The most sensitive direction of every block from the state's own on, with its curvature.

    Raises:
        StabilityError: the state is at `prelogit`, where there are no blocks above.

    >>> import numpy as np, stability, torch
    >>> blocks = (lambda x: x + torch.tanh(x), lambda x: 2 * x)
    >>> state = stability.bare_state(np.eye(3), np.array([1.0, 0.0, 0.0]), blocks)
    >>> [round(r, 3) for r in stability.depth(state).radii(0.01)]
    [0.154, 0.252]
    """
    if state.above is None:
        raise StabilityError(
            f"Depth needs the blocks above a state; received one at {state.site!r}: capture it at "
            "'block:0'."
        )
    readout = state.at_readout()
    with torch.enable_grad():
        start = state.vector.detach().clone().requires_grad_(True)
        *hidden, last = state.above.trajectory(start)
    jacobian = Jacobian(last, hidden)
    factors = torch.stack(jacobian.vjp(low_rank_factor(readout, PAIRS)))
    _, vectors = torch.linalg.eigh(factors.mT @ factors)
    directions = (factors @ vectors[..., -1:])[..., 0]
    directions /= directions.norm(dim=1, keepdim=True).clamp_min(torch.finfo(factors.dtype).tiny)
    directions = sign_fixed(directions.T).T
    each = torch.diag_embed(directions.T).permute(1, 0, 2)  # a column a block, zero at the others
    slopes = fisher.centred_slopes(readout, jacobian.jvp([*each]))
    metric = fisher.projected_hessian(readout.probs, slopes)
    lengths = metric.diagonal().clamp_min(torch.finfo(metric.dtype).tiny).sqrt()
    return Depth(
        state,
        eigenvalues=metric.diagonal(),
        directions=directions,
        norms=torch.stack([vector.detach().double().norm() for vector in hidden]),
        alignment=(metric / lengths / lengths[:, None]).abs().clamp_max(1),
    )


def depth_map(
    states: Sequence[State], progress: Callable[[float], None] = lambda fraction: None
) -> list[Depth]:
    """The depth of every state of a prompt.

    Args:
        states: every position's state at one block, usually `block:0`.
        progress: called with the fraction that is done; what it raises ends the work.

    Returns:
        A depth for each state.
    """
    depths = []
    for index, state in enumerate(states):
        progress(index / len(states))
        depths.append(depth(state))
    return depths


@dataclass(frozen=True, eq=False)
class DepthCheck:
    """The closed form against the truth at every block, along each block's own top direction.

    `actual` are the distances (minus, plus) at which the divergence first reaches `epsilon`, infinite
    where it does not; `kl` are the divergences at `scale` times each block's predicted radius.
    """

    epsilon: float
    predicted: Float[ndarray, " L"]
    actual: Float[ndarray, "L 2"]
    scale: Float[ndarray, " n"]
    kl: Float[ndarray, "L n"]

    @property
    def errors(self) -> Float[ndarray, "L 2"]:
        """`predicted/actual − 1` on both sides of each block; NaN where nothing is reached."""
        actual = np.where(np.isfinite(self.actual), self.actual, np.nan)
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
        StabilityError: `epsilon` is not a positive number of nats.
    """
    require_nats(epsilon)
    scale = np.linspace(-SPAN, SPAN, 10 * SPAN + 1)
    predicted = np.array([np.inf if r is None else r for r in depth.radii(epsilon)])
    actual, kl = np.full((len(states), 2), np.inf), np.zeros((len(states), len(scale)))
    for block, (state, direction) in enumerate(zip(states, depth.directions, strict=True)):
        progress(block / len(states))
        if np.isinf(predicted[block]):
            continue
        both = torch.stack([-direction, direction], dim=1)
        sides = Lines(state, both, np.full(2, float(depth.eigenvalues[block])))
        actual[block] = sides.crossings(np.array([epsilon]))[:, 0]
        kl[block] = sides.at((scale >= 0).astype(int), np.abs(scale) * predicted[block]).kl
    return DepthCheck(epsilon, predicted, actual, scale, kl)
