"""The boundary bracketed without exponentials: four moments of the slope, its ends, single tokens.

Of all distributions of the slope with the same first four moments and the same ends, none has a larger
`E[exp(t·a_c)]` for `t > 0` than the Gauss–Radau rule with a node at the upper end, and none a smaller
one than the rule with a node at the lower end, as the fifth derivative of the exponential has one sign
(Chebyshev, Markov, Stieltjes; Golub and Meurant, 2010). For `t < 0` the rules change places. Each rule
is a measure of three atoms, on which `KL(t) = ε` is solved at once. What single tokens guarantee
(`self_concordance`) may be nearer.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from stability.exact import self_concordance
from stability.exact.discrete_measure import DiscreteMeasure, weighted
from stability.exact.gauss_rules import two_points
from stability.exact.slope_distribution import boundaries

EPS = float(np.finfo(float).eps)
ACCURACY = 1e-6  # relative, that rounding must leave to a rule


def radau(
    measure: DiscreteMeasure, ends: Float[ndarray, " m"]
) -> tuple[DiscreteMeasure, Bool[ndarray, " m"]]:
    """Measures of three atoms, one of them at an end, with the mean (zero) and the next three moments.

    Left out are ends where rounding would spoil the rule, as where two atoms are all there is; the
    second result is a mask of those that are there.
    """
    rules = [_rule(measure, float(end)) for end in ends]
    sound = np.array([rule is not None for rule in rules])
    atoms = np.array([rule for rule in rules if rule is not None]).reshape(-1, 2, 3)
    return weighted(atoms[:, 0], atoms[:, 1]), sound


def _rule(
    measure: DiscreteMeasure, end: float
) -> tuple[Float[ndarray, " 3"], Float[ndarray, " 3"]] | None:
    """The values and weights of one such measure, or None where rounding would spoil it.

    The two other atoms are the Gauss rule of the measure `|end − a| p`, whose weights are divided by
    `|end − a|` again; the end has what the square of the polynomial that vanishes at both leaves. All
    are sums of positive terms.
    """
    a, p = measure.values, measure.weights
    mass = p * np.abs(end - a)
    total = mass.sum()
    if not total > 0:
        return None
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
    # so, too, where both underflow
    if not rest * ACCURACY**2 > (p * noise**2).sum():
        return None
    shares = np.concatenate([right, left]) / (left + right)
    weights = np.append(total * shares / np.abs(end - nodes), rest / reach**2)
    weights /= weights.sum()
    values = np.append(nodes, end)
    order = values.argsort()
    return (values - weights @ values)[order], weights[order]


def brackets(
    measure: DiscreteMeasure,
    epsilon: Float[ndarray, " m"],
    rounding: Float[ndarray, " 2"] | float = 0.0,
) -> Float[ndarray, "2 2 m"]:
    """Guaranteed distances of the boundary: (minus, plus) × (inner, outer), for every `ε`.

    The tighter, end by end, of the rules and of the certificate, which is made of the second moment,
    the ends, and the lines `log p_j + t·a_c,j` below the divergence.
    """
    bounds = self_concordance.brackets(measure, epsilon, rounding)
    ends = np.array([measure.values.min(), measure.values.max()])
    rules, sound = radau(measure, ends)
    by_rules = np.broadcast_to(np.array([0.0, np.inf])[:, None], bounds.shape).copy()
    for side, reached in zip(np.flatnonzero(sound), boundaries(rules, epsilon), strict=True):
        # the rule of one end bounds that side from within, and the other from without
        by_rules[side, 0], by_rules[1 - side, 1] = reached[side], reached[1 - side]
    by_rules = self_concordance.widened(by_rules, np.add(rounding, ACCURACY))
    inner, outer = (np.stack([bounds, by_rules])[:, :, end] for end in (0, 1))
    return np.stack([inner.max(axis=0), outer.min(axis=0)], axis=1)


def bracket_centre(inner: Any, outer: Any) -> Any:
    """The best guess of a boundary from its bracket, the geometric mean."""
    return (inner * outer) ** 0.5
