"""Gauss rules of two nodes: the two atoms with a measure's mass, mean, variance and third moment.

Golub and Meurant, *Matrices, Moments and Quadrature* (2010).
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

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


def interval_rules(
    values: Float[ndarray, " n"], weights: Float[ndarray, " n"], bins: int = BINS
) -> tuple[Float[ndarray, " m"], ...]:
    """Nodes and masses of the intervals' two-point Gauss rules, their defects, and all edges.

    The defect is the integral of the squared monic quadratic that vanishes at both nodes,
    `m (μ₄ − μ₃²/σ² − σ⁴)`: zero where an interval holds two values or fewer.
    """
    low, width = values.min(), np.ptp(values) / bins or 1.0
    index = np.minimum((values - low) / width, bins - 1).astype(np.intp)
    mass = np.bincount(index, weights, bins)
    safe_mass = np.where(mass > 0, mass, 1.0)
    edges = low + np.arange(bins + 1) * width
    centre = edges[:-1] + 0.5 * width
    mean = centre + np.bincount(index, weights * (values - centre[index]), bins) / safe_mass
    deviation = values - mean[index]
    squares = weights * deviation**2
    variance = np.bincount(index, squares, bins) / safe_mass
    third = np.bincount(index, squares * deviation, bins) / safe_mass
    fourth = np.bincount(index, squares * deviation**2, bins) / safe_mass
    left, right, lean = two_points(variance, third)
    nodes = np.concatenate([mean + right, mean - left])
    # each from the other's distance: one less a share would lose a small mass beside a large one
    shares = np.divide([left, right], right + left, out=np.full((2, bins), 0.5), where=right > 0)
    masses = (mass * shares).ravel()
    defect = np.maximum(fourth - 4 * lean**2 * variance - variance**2, 0) + MOMENT_ROUNDING * fourth
    return nodes, masses, mass * defect, edges
