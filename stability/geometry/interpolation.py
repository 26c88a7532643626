"""The straight line between two states: plateaus, edges, and where the closed form expects them.

Interpolating `A + α(B − A)` between what two prompts leave after a block shows stretches where little
changes and edges where much does (Janiak et al., arXiv 2409.17113). The closed form at either end
predicts where its region stops.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from stability import arguments
from stability.curvature import directions
from stability.geometry.ray import Ray, ray
from stability.prediction.perturbation import perturb
from stability.prediction.state import State

STEPS = 50


@dataclass(frozen=True, eq=False)
class Interpolation:
    """`A + α(B − A)` for `α` in [0, 1], sampled.

    Attributes:
        alpha: the values of `α`, (n,), equally spaced.
        kl: the divergences `KL(p_A‖p_α)`, (n,), in nats.
        kl_back: the divergences from B, `KL(p_B‖p_α)`, (n,), in nats.
        movement: how far the vector given to the readout has moved, (n,), as a part of its distance at
            `α = 1`.
        argmax: id of the most likely token, (n,).
        edge: the `α` at which the vector given to the readout moves fastest.
        start: the ray from A towards B.
        end: the ray from B towards A; as all here, after A's earlier tokens.
        length: `‖B − A‖`, in coordinates of the site.

    >>> import numpy as np, stability
    >>> a, b = (stability.bare_state(np.eye(3), np.eye(3)[i] * 2) for i in (0, 1))
    >>> between = stability.interpolation(a, b)
    >>> np.round([between.predicted(0.1), between.actual(0.1)], 3)  # in a row: A's edge, B's edge
    array([[0.341, 0.659],
           [0.304, 0.696]])
    """

    alpha: Float[ndarray, " n"]
    kl: Float[ndarray, " n"]
    kl_back: Float[ndarray, " n"]
    movement: Float[ndarray, " n"]
    argmax: Int[ndarray, " n"]
    edge: float
    start: Ray
    end: Ray
    length: float

    def predicted(self, epsilon: float) -> tuple[float | None, float | None]:
        """Where the closed form puts the edge of A's stable region, and of B's, as `α`.

        Args:
            epsilon: the divergence at the edge, in nats.

        Returns:
            None where the line has no curvature; beyond [0, 1] where the edge lies past the other end.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats.
        """
        from_a, from_b = (ray.predicted_radius(epsilon) for ray in (self.start, self.end))
        return (
            None if from_a is None else from_a / self.length,
            None if from_b is None else 1 - from_b / self.length,
        )

    def actual(self, epsilon: float) -> tuple[float | None, float | None]:
        """Where the divergence from A, and from B, first reaches `ε` on the way, as `α`.

        Args:
            epsilon: the divergence at the edge, in nats.

        Returns:
            None where it does not before the other end, or, where the logits are not linear in the
            state, not within five norms of the vector that the ray starts from: see `Ray.boundaries`.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats.
        """
        from_a, from_b = (ray.boundary(epsilon)[1] for ray in (self.start, self.end))
        return (
            None if from_a is None or from_a > self.length else from_a / self.length,
            None if from_b is None or from_b > self.length else 1 - from_b / self.length,
        )


def interpolation(a: State, b: State, steps: int = STEPS) -> Interpolation:
    """The straight line between two states of the same model and site, sampled.

    Args:
        a: the state at `α = 0`, whose earlier tokens stay as they are.
        b: the state at `α = 1`; only its vector is used.
        steps: number of equal steps of `α`.

    Returns:
        Divergences from both ends, how far the output has moved, and where it moves fastest.

    Raises:
        StabilityError: sites or widths differ, both are the same vector, or `steps` is below 1.

    >>> import numpy as np, stability
    >>> a, b = (stability.bare_state(np.eye(3), np.eye(3)[i] * 2) for i in (0, 1))
    >>> between = stability.interpolation(a, b, steps=4)
    >>> between.argmax.tolist(), between.kl.round(2).tolist()
    ([0, 0, 0, 1, 1], [0.0, 0.07, 0.3, 0.75, 1.36])
    """
    steps = arguments.whole(steps, "The number of an interpolation's steps", example=STEPS)
    towards = directions.prompt_difference(a, b).vector
    alpha = np.linspace(0, 1, steps + 1)
    whole = b.vector.double() - a.vector.double()
    perturbations = torch.from_numpy(alpha).to(whole)[:, None] * whole
    from_a, other = perturb(a, perturbations), replace(a, vector=b.vector)
    fastest = int(from_a.displacement.diff(dim=0).norm(dim=1).argmax())
    distances = from_a.displacement.norm(dim=1).cpu().numpy()
    return Interpolation(
        alpha=alpha,
        kl=from_a.kl,
        kl_back=perturb(other, perturbations - whole).kl,
        movement=distances / (distances[-1] or 1.0),
        argmax=from_a.argmax,
        edge=float(alpha[fastest : fastest + 2].mean()),
        start=ray(a, towards),
        end=ray(other, -towards),
        length=float(whole.norm()),
    )
