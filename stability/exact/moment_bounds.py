"""The boundary bracketed without exponentials: four moments of the slope, its ends, single tokens.

Of all laws of the slope with the same first four moments and the same ends, none has a larger
`E[exp(t·a_c)]` for `t > 0` than the Gauss–Radau rule with a node at the upper end, and none a smaller
one than the rule with a node at the lower end, as the fifth derivative of the exponential has one sign
(Chebyshev, Markov, Stieltjes). For `t < 0` the rules change places. Each rule is a law of three atoms,
on which `KL(t) = ε` is solved at once. What single tokens guarantee (`certificate`) may be nearer.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from stability.exact import self_concordance
from stability.exact.self_concordance import ROUNDING
from stability.exact.slope_distribution import DiscreteMeasure, two_points

EPS = float(np.finfo(float).eps)
ACCURACY = 1e-6  # relative, that rounding must leave to a law


def radau(
    atoms: DiscreteMeasure, ends: Float[ndarray, " m"]
) -> tuple[DiscreteMeasure, Bool[ndarray, " m"]]:
    """Laws of three atoms, one of them at an end, with the mean (zero) and the next three moments.

    Left out are ends where rounding would spoil the law, as where two atoms are all there is; the
    second answer tells which are there.
    """
    found = [_rule(atoms, float(end)) for end in ends]
    laws = np.array([rule for rule in found if rule is not None]).reshape(-1, 2, 3)
    return DiscreteMeasure(laws[:, 0], laws[:, 1]), np.array([rule is not None for rule in found])


def _rule(
    atoms: DiscreteMeasure, end: float
) -> tuple[Float[ndarray, " 3"], Float[ndarray, " 3"]] | None:
    """The values and weights of one such law.

    The two other atoms are the Gauss rule of the measure `|end − a| p`, whose weights are divided by
    `|end − a|` again; the end has what the square of the polynomial that vanishes at both leaves. All
    are sums of positive terms.
    """
    a, p = atoms.values, atoms.weights
    mass = p * np.abs(end - a)
    total = mass.sum()
    heaviest = a[mass.argmax()]
    mean = heaviest + (mass * (a - heaviest)).sum() / total
    away = a - mean
    squares = mass * away**2
    variance, third = squares.sum() / total, (squares * away).sum() / total
    if not variance > 0:
        return None
    left, right, _ = two_points(*np.array([variance, third])[:, None])
    nodes = mean + np.concatenate([-left, right])
    bare = (a - nodes[0]) * (a - nodes[1])
    noise = 4 * EPS * np.abs(a).max() * (np.abs(a - nodes[0]) + np.abs(a - nodes[1]))
    reach = (end - nodes[0]) * (end - nodes[1])
    rest = (p * bare**2).sum()
    if rest * ACCURACY**2 < (p * noise**2).sum():
        return None
    shares = np.concatenate([right, left]) / (left + right)
    weights = np.append(total * shares / np.abs(end - nodes), rest / reach**2)
    weights /= weights.sum()
    values = np.append(nodes, end)
    order = values.argsort()
    return (values - weights @ values)[order], weights[order]


def brackets(atoms: DiscreteMeasure, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
    """Guaranteed distances of the boundary: (minus, plus) × (inner, outer), for every `ε`.

    The tighter, end by end, of the rules and of the certificate, which knows the second moment, the
    ends, and the lines `log p_j + t·a_c,j` below the divergence.
    """
    found = np.array(
        [self_concordance.brackets(sign * atoms.values, atoms.weights, epsilon) for sign in (-1, 1)]
    )
    laws, sound = radau(atoms, np.array([atoms.values.min(), atoms.values.max()]))
    for side, ends in zip(np.flatnonzero(sound), laws.boundaries(epsilon), strict=True):
        inner, outer = ends[side] * (1 - ROUNDING), ends[1 - side] * (1 + ROUNDING)
        found[side, 0] = np.maximum(found[side, 0], inner)
        found[1 - side, 1] = np.minimum(found[1 - side, 1], outer)
    return found


def guess(inner: Any, outer: Any) -> Any:
    """The best guess from a bracket, its geometric mean."""
    return (inner * outer) ** 0.5
