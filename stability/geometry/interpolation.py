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

from stability.curvature import directions
from stability.geometry.ray import Ray, ray
from stability.prediction.perturbation import perturb
from stability.prediction.state import State

STEPS = 50


@dataclass(frozen=True, eq=False)
class Interpolation:
    """`A + α(B − A)` for `α` in [0, 1], sampled.

    `kl` are the divergences `KL(p_A‖p_α)` in nats, and `kl_back` those from B; `movement` is how far
    the vector before the readout has moved, as a share of its distance at `α = 1`; `edge` is the `α`
    where it moves fastest; `argmax` holds token ids. `start` and `end` are the rays from A towards B
    and from B towards A, both after A's earlier tokens; `length` is `‖B − A‖`.
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
        """Where the closed form puts the edge of A's stable region, and of B's, as `α`."""
        from_a, from_b = (ray.predicted_radius(epsilon) for ray in (self.start, self.end))
        return (
            None if from_a is None else from_a / self.length,
            None if from_b is None else 1 - from_b / self.length,
        )

    def actual(self, epsilon: float) -> tuple[float | None, float | None]:
        """Where the divergence from A, and from B, first reaches `ε` on the way, as `α`.

        Returns:
            None where it does not within five norms of the vector it starts from: see `Ray.boundary`.
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
        StabilityError: sites or widths differ, or both are the same vector.

    >>> import numpy as np, stability
    >>> a, b = (stability.bare_state(np.eye(3), np.eye(3)[i] * 2) for i in (0, 1))
    >>> between = stability.interpolation(a, b, steps=4)
    >>> between.argmax.tolist(), between.kl.round(2).tolist()
    ([0, 0, 0, 1, 1], [0.0, 0.07, 0.3, 0.75, 1.36])
    """
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
