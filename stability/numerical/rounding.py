"""How far the rounding of a network moves a divergence: measured on the network itself.

A displacement `y(x + δ) − y(x)` that is off by a noise of divergence `κ` moves a divergence of `ε` nats
by `2√(κε)` at most (Cauchy and Schwarz, in the Fisher metric), and the distance at which it is reached,
whose square it grows with, by the part `√(κ/ε)`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from stability.prediction.perturbation import perturb
from stability.prediction.state import State

PAIRS = 8  # of perturbations, up and down
STEP = 1e-6  # of the vector's norm: some roundings of float32
ACCURACY = 1e-2  # of a distance, that rounding must leave


@dataclass(frozen=True)
class Rounding:
    """What rounding makes of a displacement: a divergence, and shifts of logits, in nats."""

    kl: float
    logit: float

    @property
    def resolution(self) -> float:
        """The least `ε`, in nats, whose distance rounding leaves to `ACCURACY`."""
        return self.kl / ACCURACY**2


def rounding(state: State) -> Rounding:
    """Measure the rounding of the network above a state.

    In `y(x + δ) + y(x − δ) − 2y(x)` the linear part cancels, and the next, `‖δ‖²` in size, is far below
    what float32 holds. What is left is rounding, with three times the variance that it has in one
    displacement. The largest of some draws; no less than float64 leaves of a difference of logits.
    """
    draw = torch.Generator().manual_seed(0)
    delta = torch.randn(PAIRS, state.width, generator=draw, dtype=torch.float64)
    delta = (delta * (STEP * state.norm / delta.norm(dim=1, keepdim=True))).to(state.vector.device)
    up, down = perturb(state, torch.cat([delta, -delta])).displacement.chunk(2)
    kl = perturb(state.at_readout(), up + down).kl.max() / 3
    shift = state.readout.slopes((up + down).T).abs().max() / 3**0.5
    least = np.finfo(float).eps * float(state.uncapped_logits.abs().max())
    return Rounding(max(float(kl), 0.5 * least**2), max(float(shift), least))
