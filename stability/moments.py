"""The boundary bracketed by four moments of the slope and its two ends: no exponential of a token.

Of all laws of the slope with the same first four moments and the same ends, none has a larger
`E[exp(t·a_c)]` for `t > 0` than the Gauss–Radau rule with a node at the upper end, and none a smaller
one than the rule with a node at the lower end, as the fifth derivative of the exponential has one sign
(Chebyshev, Markov, Stieltjes). For `t < 0` the rules change places. Each rule is a law of three atoms,
on which `KL(t) = ε` is solved at once.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from stability import certificate
from stability.certificate import ROUNDING
from stability.law import Atoms

EPS = float(np.finfo(float).eps)
ACCURACY = 1e-6  # relative, that rounding must leave to a rule


def radau(atoms: Atoms, ends: Float[ndarray, " m"]) -> tuple[Atoms, Bool[ndarray, " m"]]:
    """Laws of three atoms, one of them at an end, with the mean (zero) and the next three moments.

    Golub's way: the polynomials orthonormal under a law, `1`, `x` and `q(x)/√rest`, make a tridiagonal
    matrix, whose last diagonal entry is chosen so that the end is an eigenvalue. The eigenvalues are
    the nodes, and their weights `1/(1 + x² + q(x)²/rest)`. Left out are ends where rounding would spoil
    the law, as where two atoms are all there is; the second answer tells which are there.
    """
    p, scale = atoms.weights, np.sqrt((atoms.weights * atoms.values**2).sum())
    x, ends = atoms.values / scale, ends / scale
    skew = (p * x * x * x).sum()

    def q(u: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        return (u - skew) * u - 1

    rest, beyond = (p * q(x) ** 2).sum(), q(ends)
    sound = beyond * ACCURACY > 4 * EPS * (2 * ends**2 + skew**2 + 1)
    sound &= rest * ACCURACY**2 > 48 * EPS**2 * (rest + 2 * skew**2 + 3)
    J = np.zeros((sound.sum(), 3, 3))
    J[:, 0, 1] = J[:, 1, 0] = 1
    J[:, 1, 1], J[:, 1, 2], J[:, 2, 1] = skew, np.sqrt(rest), np.sqrt(rest)
    J[:, 2, 2] = ends[sound] * (1 - rest / beyond[sound])
    nodes = np.linalg.eigvalsh(J)
    weights = 1 / (1 + nodes**2 + q(nodes) ** 2 / (rest or 1.0))
    weights /= weights.sum(axis=1, keepdims=True)
    nodes -= (weights * nodes).sum(axis=1, keepdims=True)
    return Atoms(scale * nodes, weights), sound


def brackets(atoms: Atoms, epsilon: Float[ndarray, " m"]) -> Float[ndarray, "2 2 m"]:
    """Guaranteed distances of the boundary: (minus, plus) × (inner, outer), for every `ε`.

    Never wider than those of self-concordance, which knows the second moment and the ends alone.
    """
    found = np.array(
        [certificate.brackets(sign * atoms.values, atoms.weights, epsilon) for sign in (-1, 1)]
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
