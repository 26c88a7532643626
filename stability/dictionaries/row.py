"""One row of a dictionary at a budget."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.curvature import fisher
from stability.dictionaries.row_tokens import first_flips, pushes
from stability.dictionaries.slopes import SlopeLaws
from stability.exact.flips import Flip
from stability.geometry.push import PushedToken
from stability.geometry.ray import Bracket
from stability.prediction.state import State

SIDES = ("minus", "plus")


@dataclass(frozen=True)
class DictionaryRow:
    """What is known of one row at a budget; pairs are of the (minus, plus) side.

    Lengths are in the state's own coordinates. The row itself, times `coefficient`, is `radius` long.

    Attributes:
        index: from 0.
        name: its index, or in a lens its token.
        norm: the row's length in the file.
        epsilon: the budget, nats.
        curvature: `vᵀHv` of its direction.
        radius: the closed form `sqrt(2ε / vᵀHv)`; None where it is flat.
        certified: guaranteed (inner, outer) distances of both boundaries; None where nothing is.
        flips: the first change of the most likely token, and on a side None for no change; None below
            the readout until they are looked for.
        pushed: the tokens that gain most probability on either side.
        steepest: those whose logits rise fastest.
        boundary: the true boundaries; None until they are looked for, and on a side for not reached.
        kinds: how they are met: "reached", "jump", "not reached" or "unresolved".
    """

    index: int
    name: str
    norm: float
    epsilon: float
    curvature: float
    radius: float | None
    certified: tuple[Bracket, Bracket] | None
    flips: tuple[Flip | None, Flip | None] | None
    pushed: tuple[tuple[PushedToken, ...], tuple[PushedToken, ...]]
    steepest: tuple[tuple[PushedToken, ...], tuple[PushedToken, ...]]
    boundary: tuple[float | None, float | None] | None = None
    kinds: tuple[str, str] | None = None

    @property
    def coefficient(self) -> float | None:
        """The closed form in units of the row as it is in the file; None where there is none."""
        return self.radius / self.norm if self.radius is not None and self.norm else None

    def report(self) -> dict[str, Any]:
        """The row as plain data, ready for JSON."""
        return {
            "row": self.index,
            "name": self.name,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "curvature": self.curvature,
            "radius": self.radius,
            "coefficient": self.coefficient,
            "boundary": self.boundary and dict(zip(SIDES, self.boundary, strict=True)),
            "kind": self.kinds and dict(zip(SIDES, self.kinds, strict=True)),
            "certified": self.certified
            and dict(zip(SIDES, map(list, self.certified), strict=True)),
            "flips": self.flips
            and {s: flip and vars(flip) for s, flip in zip(SIDES, self.flips, strict=True)},
            **{
                name: {s: [vars(push) for push in p] for s, p in zip(SIDES, side, strict=True)}
                for name, side in (("pushed", self.pushed), ("steepest", self.steepest))
            },
        }


def finite(value: float) -> float | None:
    """A number, or None for one that is infinite or none."""
    return value if math.isfinite(value) else None


def row_of(
    state: State,
    law: SlopeLaws,
    epsilon: float,
    index: int,
    name: str,
    norm: float,
    bracket: Float[ndarray, "2 2"] | None,
) -> DictionaryRow:
    """One row at a budget, from the law of the slope along it and its bracket, if it has one."""
    curvature, certified = float(law.variance[0]), None
    if bracket is not None and np.isfinite(bracket).all():
        minus, plus = ((inner, outer) for inner, outer in bracket.tolist())
        certified = minus, plus
    flips = None
    if state.is_at_readout:
        flips = first_flips(law.flip[0], law.flip_distances[0], state.text)
    return DictionaryRow(
        index=index,
        name=name,
        norm=norm,
        epsilon=epsilon,
        curvature=curvature,
        radius=fisher.radius(curvature, epsilon),
        certified=certified,
        flips=flips,
        pushed=pushes(law.pushed[0], law.rates[0], state.text),
        steepest=pushes(law.steepest[0], law.rises[0], state.text),
    )
