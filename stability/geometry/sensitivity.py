"""How a state answers to perturbations of any direction."""

from dataclasses import dataclass

from stability.curvature import fisher
from stability.curvature.row_spread import RowSpread
from stability.curvature.spectrum import Spectrum
from stability.exact import flips, self_concordance
from stability.exact.flips import Flip
from stability.prediction.state import State


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """How one state answers to perturbations of any direction.

    `eigenvalue` is the largest of `H` and `upper` bounds it from above; `entropy` is in nats; `reach`
    is `ρ = max ‖w_i − μ‖`; `rounding` is how far that of the logits may move a radius, as a part of it;
    `token_constraint_bound` is the length of Liu et al. (arXiv 2602.10816), and `nearest_flip` the
    closest argmax change of all directions, both in coordinates. Where the logits are soft-capped only
    `eigenvalue`, `entropy` and `nearest_flip` are known, below `prelogit` the first two, and the rest
    is None.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> sensitivity = stability.sensitivity(state, stability.spectrum(state, k=1))
    >>> sensitivity.nearest_flip.id, round(sensitivity.radius(0.1), 3)
    (1, 0.892)
    """

    eigenvalue: float
    entropy: float
    upper: float | None = None
    reach: float | None = None
    rounding: float = 0.0
    token_constraint_bound: float | None = None
    nearest_flip: Flip | None = None

    def radius(self, epsilon: float) -> float | None:
        """The shortest predicted radius: along the top eigendirection; None where `H = 0`."""
        return fisher.radius(self.eigenvalue, epsilon)

    def certified_ball(self, epsilon: float) -> float | None:
        """Radius within which no direction at all exceeds `ε` nats; None where there is none."""
        if self.upper is None or self.reach is None:
            return None
        return self_concordance.ball(self.reach, self.upper, epsilon, self.rounding)


def sensitivity(state: State, spectrum: Spectrum) -> Sensitivity:
    """How a state of any site answers to perturbations of any direction.

    Args:
        state: a captured vector, at any site.
        spectrum: the eigenpairs of `H` there; one is enough.

    Returns:
        The largest eigenvalue; at `prelogit` the nearest argmax change over all directions; and, where
        logits are linear, the certified ball and the token constraint bound.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> sensitivity = stability.sensitivity(state, stability.spectrum(state, k=1))
    >>> round(sensitivity.certified_ball(0.1), 3), round(sensitivity.nearest_flip.distance, 3)
    (0.758, 1.414)
    """
    eigenvalue, spread = float(spectrum.eigenvalues[0]), spectrum.row_spread
    nearest_flip = flips.nearest(state) if state.is_at_readout else None
    if spread is None or spectrum.upper is None:
        return uncertified(state, eigenvalue, nearest_flip)
    return certified(spread, eigenvalue, float(spectrum.upper[0]), nearest_flip)


def uncertified(state: State, eigenvalue: float, nearest_flip: Flip | None) -> Sensitivity:
    """The sensitivity where logits are not linear."""
    return Sensitivity(eigenvalue=eigenvalue, entropy=state.entropy, nearest_flip=nearest_flip)


def certified(
    spread: RowSpread, eigenvalue: float, upper: float, nearest_flip: Flip | None
) -> Sensitivity:
    """The sensitivity where logits are linear."""
    state = spread.state
    return Sensitivity(
        eigenvalue=eigenvalue,
        entropy=state.entropy,
        upper=upper,
        reach=spread.reach,
        # logits off by η move KL by 2η of itself at most, and a radius by no more
        rounding=2 * (state.logit_rounding + state.readout.rounding / (spread.reach or 1.0)),
        token_constraint_bound=spread.token_constraint_bound(),
        nearest_flip=nearest_flip,
    )
