"""The metric at the readout: the whole `H`, so that lengths in it are divergences, and its inverse."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.reachability import flat
from stability.prediction.state import State

DAMPINGS = (1e-9, 1e-7, 1e-5)  # of tr H, added to H: flat directions get no part


@dataclass(frozen=True, eq=False)
class Metric:
    """The whole `H + αI` of a `prelogit` state, as a Cholesky factor; `α` is a hair of the trace."""

    factor: Float[Tensor, "d d"] = field(repr=False)
    damping: float

    def solve(self, columns: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
        """`(H + αI)⁻¹` times columns."""
        return torch.cholesky_solve(columns, self.factor)


def metric(state: State) -> Metric:
    """The metric of a state, as every push from it is preconditioned."""
    H = fisher.dense(state)
    trace = float(H.trace())
    if not trace > 0:
        raise flat(state)
    identity = torch.eye(len(H), dtype=H.dtype, device=H.device)
    for damping in DAMPINGS:
        factor, failed = torch.linalg.cholesky_ex(H + damping * trace * identity)
        if not failed:
            return Metric(factor, damping * trace)
    raise flat(state)
