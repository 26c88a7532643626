"""All depths at once: how sensitive every block's output is, at one position.

As `H_L = J_Lᵀ H J_L`, with `J_L` the derivative of the readout's vector by what leaves block `L`, a
factor `H ≈ F Fᵀ` at the readout, pulled back through the network, passes by every block and leaves
`C_L = J_Lᵀ F` there: the recursion of the pulled-back metric (FishBack, arXiv 2605.17231). From there
every block's own `H_L` is iterated, side by side, until residuals say that its top is found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.spectrum import low_rank_factor
from stability.curvature.subspace import iterate, leading_block, sign_fixed
from stability.errors import StabilityError
from stability.prediction.held_jacobian import HeldJacobian
from stability.prediction.jacobian import Jacobian, jacobian_along
from stability.prediction.state import State

PAIRS = 32  # eigenpairs at the readout that are pulled back
BLOCK_VECTORS = 2  # iterated at each block: the second tells how far the first is from the others
TOLERANCE = 1e-2  # bound of an eigenvalue's relative error; what is left is mostly a tenth of it
MOST_PASSES = 50


@dataclass(frozen=True, eq=False)
class Depth:
    """One position of a prompt at every block, the first block's first.

    Attributes:
        state: the state at the first of the blocks.
        eigenvalues: the curvature `vᵀHv` along each block's direction, (L,), in nats per squared
            coordinate.
        directions: nearly the top eigenvector of `H` at each block's output, (L, d), of length one and
            with its largest component positive.
        norms: the length of the residual stream at each block's output, (L,), in coordinates.
        alignment: `|cos|` between what two blocks' directions do to the prediction, (L, L): both are
            carried to the logits by the network's own derivative, and compared under the Fisher metric,
            in which equal lengths are equal divergences. One: it is the same change, made earlier or
            later. Zero: another.

    >>> import numpy as np, stability, torch
    >>> blocks = (lambda x: x + torch.tanh(x), lambda x: 2 * x)
    >>> state = stability.bare_state(np.eye(3), np.array([1.0, 0.0, 0.0]), blocks)
    >>> depth = stability.depth(state)
    >>> depth.eigenvalues.numpy().round(3), depth.norms.numpy().round(3)
    (array([0.845, 0.316]), array([1.   , 1.762]))
    """

    state: State
    eigenvalues: Float[Tensor, " L"]
    directions: Float[Tensor, "L d"]
    norms: Float[Tensor, " L"]
    alignment: Float[Tensor, "L L"]

    def radii(self, epsilon: float) -> list[float | None]:
        """The shortest predicted radius at each block's output.

        Args:
            epsilon: nats.

        Returns:
            Lengths in coordinates, one for each block; None where there is no curvature.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats.
        """
        return [fisher.radius(float(value), epsilon) for value in self.eigenvalues]


def depth(state: State) -> Depth:
    """Every block above a state at once.

    A factor of `H` at the readout, pulled back in one backward pass, starts an iteration of every
    block's own `H`, side by side. The curvature along what it finds is never more than the largest
    eigenvalue, and short of it by a hundredth at most.

    Args:
        state: the state at the first block of interest, usually `block:0`.

    Returns:
        The most sensitive direction of every block from the state's own on, with its curvature.

    Raises:
        StabilityError: the state is at `prelogit`, where there are no blocks above, or the direction of
            a block is not found.

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
    jacobian = jacobian_along(state.above, state.vector, readout.readout.width, state.pause)
    widths = {vector.numel() for vector in jacobian.sources}
    if len(widths) > 1:
        raise StabilityError(
            f"Depth needs blocks of one width; received {sorted(widths)}: look at each site alone."
        )
    directions, moved = _top_directions(readout, jacobian)
    slopes = fisher.centred_slopes(readout, moved.T)
    metric = fisher.projected_hessian(readout.probs, slopes)
    lengths = metric.diagonal().clamp_min(torch.finfo(metric.dtype).tiny).sqrt()
    return Depth(
        state,
        eigenvalues=metric.diagonal(),
        directions=directions,
        norms=torch.stack([vector.double().norm() for vector in jacobian.sources]),
        alignment=(metric / lengths / lengths[:, None]).abs().clamp_max(1),
    )


def _top_directions(
    readout: State, jacobian: Jacobian | HeldJacobian
) -> tuple[Float[Tensor, "L d"], Float[Tensor, "L D"]]:
    """The top eigenvector `v` of `J_LᵀHJ_L` at every source `L` of a Jacobian, and `J_L v`."""
    blocks: list[Tensor] = []
    moved: list[Tensor] = []

    def apply(block: Float[Tensor, "L d b"]) -> Float[Tensor, "L d b"]:
        blocks.append(block)
        moved.append(jacobian.jvp_each(block))
        L, D, b = moved[-1].shape
        image = fisher.hvp(readout, moved[-1].transpose(0, 1).reshape(D, L * b))
        return jacobian.vjp_each(image.reshape(D, L, b).transpose(0, 1))

    factors = torch.stack(jacobian.vjp(low_rank_factor(readout, PAIRS)))
    start = leading_block(factors, BLOCK_VECTORS)
    found = iterate(apply, start, 1, TOLERANCE, MOST_PASSES)
    if not found.converged:
        raise StabilityError(
            f"The top direction of every block must be found to {TOLERANCE:.0%} of its curvature; it "
            f"is not after {MOST_PASSES} passes for {readout.model.name} at position "
            f"{readout.position}: look at its blocks one by one."
        )
    top = sign_fixed(found.vectors[..., 0].T).T
    parts = torch.cat(blocks, dim=-1).mT @ top[..., None]
    return top, (torch.cat(moved, dim=-1) @ parts)[..., 0]


def depth_map(
    states: Sequence[State], progress: Callable[[float], None] = lambda fraction: None
) -> list[Depth]:
    """The depth of every state of a prompt.

    Args:
        states: every position's state at one block, usually `block:0`.
        progress: called with the fraction that is done; what it raises ends the work.

    Returns:
        A depth for each state.

    Raises:
        StabilityError: the states are at `prelogit`.

    >>> import numpy as np, stability, torch
    >>> blocks = (lambda x: x + torch.tanh(x), lambda x: 2 * x)
    >>> states = [stability.bare_state(np.eye(3), np.eye(3)[0] * size, blocks) for size in (0, 1)]
    >>> np.round([depth.radii(0.01) for depth in stability.depth_map(states)], 3)
    array([[0.061, 0.122],
           [0.154, 0.252]])
    """
    depths = []
    for index, state in enumerate(states):
        progress(index / len(states))
        depths.append(depth(state))
    return depths
