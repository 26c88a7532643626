"""The effective rank: how many eigendirections share the trace of H, as if equally.

`exp(−Σ q log q)` over the shares `q = λ/tr H` of *all* eigenvalues (Roy and Vetterli, 2007). Where only
the leading ones are known, the rest of the trace bounds it from both sides: its entropy is least where
the unknown eigenvalues are as large, and so as few, as the last known one allows, and greatest where
all are equal.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def effective_rank_bounds(
    eigenvalues: Float[Tensor, " k"], trace: float, d: int
) -> tuple[float, float]:
    """The least and the greatest effective rank of `d` eigenvalues with this trace, `k` of them known.

    Args:
        eigenvalues: those that are known, the largest of all, in descending order, (k,).
        trace: the sum of all.
        d: how many there are.

    Returns:
        The two bounds: 0 where `H = 0`, and equal where nothing of the trace is left.
    """
    known = float(eigenvalues.sum())
    trace = max(trace, known)
    if not trace > 0:
        return 0.0, 0.0
    q = eigenvalues.double() / trace
    entropy, rest, last = float(torch.special.entr(q).sum()), 1 - known / trace, float(q[-1])
    unknown = d - len(q)
    if not (rest > 0 and unknown):
        return math.exp(entropy), math.exp(entropy)
    alike = min(int(rest / last), unknown) if last > 0 else 0
    least = entropy + alike * _entr(last) + _entr(max(rest - alike * last, 0.0))
    return math.exp(least), math.exp(entropy + unknown * _entr(rest / unknown))


def _entr(q: float) -> float:
    return -q * math.log(q) if q > 0 else 0.0
