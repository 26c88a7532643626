"""What a steering vector does to the states that leave a block, for any coefficient `c`.

`add`: h ← h + c·v. `project`: h ← h − c·(h·d)d with d = v/‖v‖, so that c = 1 removes the component.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from stability.arguments import MOST, finite_array, real_array
from stability.errors import StabilityError, require_distinct
from stability.models.language_model import LanguageModel
from stability.models.network_view import StandIn, block_output, others_of, stream_of
from stability.models.sites import resolve_position
from stability.vector_files.vector_file import PROJECT

ALL, LAST = "all", "last"
Positions = str | int | Sequence[int] | ndarray


@dataclass(frozen=True, eq=False)
class Change:
    """The change of a stream of states by one vector.

    Attributes:
        vector: `v`, (d,), in float64.
        mode: `add` or `project`.
        positions: the positions of the text that are changed; None for every one, also of what follows.
    """

    vector: Float[Tensor, " d"]
    mode: str
    positions: tuple[int, ...] | None = None

    def require_width(self, width: int, where: str) -> None:
        """Raise StabilityError unless the states that are changed are as wide as the vector."""
        received = len(self.vector)
        if received != width:
            raise StabilityError(
                f"A steering vector must have as many components as the state that it changes, {width} "
                f"at {where}; received {received}: use a vector made for this model."
            )

    def of(self, stream: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """The change of every state at `c = 1`, in float64."""
        v = self.vector.to(stream.device)
        if self.mode != PROJECT:
            return v.expand(stream.shape)
        d = v / v.norm()
        return -(stream.double() @ d)[..., None] * d

    def __call__(
        self, stream: Float[Tensor, "n t d"], coefficients: Float[Tensor, " n"], start: int = 0
    ) -> Float[Tensor, "n t d"]:
        """The changed stream of rows, each with its coefficient; `start` is its first position."""
        change = coefficients[:, None, None] * self.of(stream)
        if self.positions is not None:
            here = torch.arange(start, start + stream.shape[1])
            chosen = torch.isin(here, torch.tensor(self.positions, dtype=here.dtype))
            change = change * chosen.to(change)[:, None]
        # rounded once
        return (stream.double() + change).to(stream.dtype)


class SteeredBlock(StandIn):
    """A block whose residual stream is changed, for each row of the batch by its coefficient."""

    def __init__(
        self, block: nn.Module, change: Change, coefficients: Float[Tensor, " n"], start: int = 0
    ) -> None:
        super().__init__(block)
        self.change, self.coefficients, self.start = change, coefficients, start

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """Compute the block, and change what leaves it."""
        output = self.__dict__["original"](*arguments, **options)
        stream = self.change(stream_of(output), self.coefficients, self.start)
        return block_output(stream, others_of(output))


def coefficients_in(values: Any) -> Float[ndarray, " n"]:
    """Coefficients as an array; raises StabilityError for none, and unless each is a finite number."""
    given = finite_array(values, "Coefficients")
    if not given.size:
        raise StabilityError(
            "There must be a coefficient at least; received none: give [0.0, 1.0]."
        )
    return given


def sites_by_block(lm: LanguageModel, sites: Iterable[str]) -> dict[int | None, str]:
    """Sites by the block whose output they are, None for the readout.

    Raises StabilityError for a site that the model has not, and for two names of one.
    """
    named: dict[int | None, str] = {}
    for site in sites:
        block = lm.block(site)
        if block in named:
            raise StabilityError(
                f"A steering vector must have one vector for each site; {named[block]!r:.60} and "
                f"{site!r:.60} are one site of {lm.card.name}: leave one of them out."
            )
        named[block] = site
    return named


def resolve_positions(positions: Any, length: int) -> tuple[int, ...] | None:
    """The positions of a text that are changed, ascending; None for all.

    An index and one from the end may name one position. Raises StabilityError as `given_positions`
    does, and for positions outside the text.
    """
    given = given_positions(positions)
    if given == ALL:
        return None
    if given == LAST:
        return (length - 1,)
    return tuple(sorted({resolve_position(int(position), length) for position in given}))


def first_changed(positions: Any, length: int) -> int:
    """The first position that is changed; raises StabilityError as `resolve_positions` does."""
    chosen = resolve_positions(positions, length)
    return 0 if chosen is None else chosen[0]


def given_positions(positions: Any) -> str | tuple[int, ...]:
    """Positions as they are given: `all`, `last`, or indices, which may count from the end.

    Raises StabilityError for other words, for none, for what is no whole number, and for one that is
    given twice.
    """
    if isinstance(positions, str) and positions in (ALL, LAST):
        return positions
    given = _indices(positions)
    require_distinct(given, "Positions")
    return given


def _indices(positions: Any) -> tuple[int, ...]:
    if isinstance(positions, str):
        try:
            return tuple(int(part) for part in positions.split(","))
        except ValueError as error:
            raise StabilityError(
                f"Positions must be all, last, or indices with commas; received {positions!r:.60}: try "
                "all."
            ) from error
    indices = np.atleast_1d(real_array(positions, "Positions"))
    if not indices.size:
        raise StabilityError("There must be a position at least; received none: try all.")
    if indices.ndim > 1 or not (np.abs(indices) < MOST).all() or (indices % 1).any():
        raise StabilityError(
            f"Positions must be whole numbers; received {positions!r:.60}: try all, or [0, -1]."
        )
    return tuple(int(index) for index in indices)
