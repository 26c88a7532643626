"""Gauss rules of two nodes: the two atoms with a measure's mass, mean, variance and third moment.

Golub and Meurant, *Matrices, Moments and Quadrature* (2010).
"""

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

BINS = 128
MOMENT_ROUNDING = 1e-12  # of a fourth moment, whose deviations carry 1e-16 of the largest value


def two_points(
    variance: Float[ndarray, "*n"], third: Float[ndarray, "*n"]
) -> tuple[ndarray, ndarray, ndarray]:
    """How far left and right of the mean the nodes of a two-point Gauss rule lie, and their middle.

    They are the roots of `u² − (third/variance)·u − variance`, the larger first: nothing cancels.
    """
    variance, third = np.asarray(variance), np.asarray(third)
    lean = np.divide(third, 2 * variance, out=np.zeros_like(variance), where=variance > 0)
    far = np.abs(lean) + np.sqrt(lean**2 + variance)
    near = np.divide(variance, far, out=np.zeros_like(variance), where=far > 0)
    left, right = np.where(lean >= 0, (near, far), (far, near))
    return left, right, lean


def interval_moments(
    values: Float[Tensor, "n V"], weights: Float[Tensor, "#n V"], bins: int
) -> tuple[Float[Tensor, "5 n b"], Float[Tensor, "n e"]]:
    """Mass, mean, variance, third and fourth central moment of equal intervals, and their edges.

    In two passes, as deviations from the mean of an interval, so that nothing cancels.
    """
    low, high = values.amin(dim=1, keepdim=True), values.amax(dim=1, keepdim=True)
    width = (high - low) / bins
    # where all values are the same, or so near that an inverse overflows, the first interval has all
    step = width.where(width > torch.finfo(width.dtype).tiny, 1.0)
    index = ((values - low) * (1 / step)).long().clamp_max_(bins - 1)
    weights = weights.expand_as(values)

    def summed(terms: Float[Tensor, "n V"]) -> Float[Tensor, "n b"]:
        return terms.new_zeros(len(terms), bins).scatter_add_(1, index, terms)

    mass = summed(weights)
    safe_mass = mass.where(mass > 0, 1.0)
    edges = low + torch.arange(bins + 1, device=values.device) * width
    centre = edges[:, :-1] + 0.5 * width
    mean = centre + summed((values - centre.gather(1, index)).mul_(weights)) / safe_mass
    deviation = values - mean.gather(1, index)
    terms = deviation.square().mul_(weights)
    moments = [mass, mean, summed(terms) / safe_mass]
    for _ in ("third", "fourth"):
        moments.append(summed(terms.mul_(deviation)) / safe_mass)
    return torch.stack(moments), edges


def interval_rules(
    values: Float[Tensor, "n V"], weights: Float[Tensor, "#n V"], bins: int = BINS
) -> tuple[Float[ndarray, "n m"], ...]:
    """Nodes and masses of the intervals' two-point Gauss rules, their defects, and all edges.

    The defect is the integral of the squared monic quadratic that vanishes at both nodes,
    `m (μ₄ − μ₃²/σ² − σ⁴)`: zero where an interval holds two values or fewer.
    """
    moments, edges = interval_moments(values, weights, bins)
    mass, mean, variance, third, fourth = moments.cpu().numpy()
    left, right, lean = two_points(variance, third)
    nodes = np.concatenate([mean + right, mean - left], axis=1)
    # each from the other's distance: one less a share would lose a small mass beside a large one
    shares = np.divide(
        [left, right], right + left, out=np.full((2, *mass.shape), 0.5), where=right > 0
    )
    masses = np.concatenate([*(mass * shares)], axis=1)
    defect = np.maximum(fourth - 4 * lean**2 * variance - variance**2, 0) + MOMENT_ROUNDING * fourth
    return nodes, masses, mass * defect, edges.cpu().numpy()
