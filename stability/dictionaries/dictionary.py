"""All rows of a dictionary as directions at one state: what each would do to the prediction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from stability import arguments
from stability.curvature import fisher
from stability.curvature.direction import Direction, unit
from stability.dictionaries.certificate import certainty, certificates
from stability.dictionaries.row import DictionaryRow, row_of
from stability.dictionaries.row_tokens import kept, strengths, tokens_with
from stability.dictionaries.rows import Indices, Rows, checked
from stability.dictionaries.slopes import SlopeLaws
from stability.dictionaries.truth import followed
from stability.prediction.state import State

LONGEST_INDEX = 18  # digits


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The rows of a dictionary as directions at one state, each of length one.

    Attributes:
        state: where they are measured.
        rows: the rows, in their file.
        norms: their lengths there, (n,); 0 for a row that points nowhere.
        laws: what is kept of the slopes of the logits along each.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> found = stability.dictionary(state, np.array([[0.0, 5.0, 0.0], [0.0, 3.0, -3.0]]))
    >>> isinstance(found, stability.Dictionary), found.norms.round(3).tolist()
    (True, [5.0, 4.243])
    >>> [(row.index, round(row.radius, 3)) for row in found.ranked(0.01)], found.row(0).vector.tolist()
    ([(1, 0.433), (0, 0.458)], [0.0, 1.0, 0.0])
    """

    state: State
    rows: Rows
    norms: Float[ndarray, " n"] = field(repr=False)
    laws: SlopeLaws = field(repr=False)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.norms)

    @property
    def curvature(self) -> Float[ndarray, " n"]:
        """`vᵀHv` of every row, in nats per squared coordinate."""
        return self.laws.variance

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is easily got wrong about it, a sentence each."""
        zero = int((self.norms == 0).sum())
        said = (f"{zero:,} of its {len(self):,} rows are zero, and point nowhere.",) if zero else ()
        return (*self.rows.warnings, *said)

    @property
    def certainty(self) -> str:
        """What is exact, what is certified, and what is found by running the network."""
        return certainty(self.state.is_linear)

    @cached_property
    def order(self) -> Int[ndarray, " n"]:
        """All rows by their closed-form radius, the shortest first: the same for every `ε`."""
        return np.argsort(-self.curvature, kind="stable")

    def radii(self, epsilon: float) -> Float[ndarray, " n"]:
        """The closed form `sqrt(2ε / vᵀHv)` of every row; infinite where it is flat."""
        return np.array([fisher.radius(c, epsilon) or np.inf for c in self.curvature.tolist()])

    def certificates(self, epsilon: float, rows: Indices) -> Float[ndarray, "m 2 2"] | None:
        """Return guaranteed distances of the boundary along some rows.

        Args:
            epsilon: nats.
            rows: indices.

        Returns:
            For each row (minus, plus) × (inner, outer); None unless logits are linear. The outer end
            may lie beyond that of `Ray.certificate`, which looks at all tokens.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats, or there is no such row.
        """
        levels, chosen = np.array([arguments.nats(epsilon)]), checked(rows, self.rows)
        if not self.state.is_linear:
            return None
        return certificates(self.state, self.laws[chosen], levels)[..., 0]

    def ranked(
        self,
        epsilon: float,
        count: int = 20,
        among: Indices | None = None,
    ) -> tuple[DictionaryRow, ...]:
        """Return the rows with the shortest closed-form radius, the shortest first.

        Args:
            epsilon: nats.
            count: how many.
            among: indices of rows, in the order that is wanted, instead of all.

        Returns:
            The rows, without their true boundaries: see `with_truth`.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats, `count` is below 1, or there is
                no such row.
        """
        count = arguments.whole(count, "A number of rows")
        chosen = (self.order if among is None else checked(among, self.rows))[:count]
        brackets = self.certificates(epsilon, chosen)
        return tuple(
            row_of(
                self.state,
                self.laws[np.array([row])],
                float(epsilon),
                row,
                self.name(row),
                float(self.norms[row]),
                None if brackets is None else brackets[place],
            )
            for place, row in enumerate(chosen.tolist())
        )

    def with_truth(
        self,
        rows: Sequence[DictionaryRow],
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> tuple[DictionaryRow, ...]:
        """Return the same rows with their true boundaries, and first changes, on both sides.

        Args:
            rows: some of `ranked`, of one `ε`.
            progress: called with the fraction that is done; what it raises ends the work.

        Returns:
            The rows; one of zeros stays as it is.

        Raises:
            StabilityError: the rows have several `ε`.
        """
        known = [row for row in rows if row.norm > 0]
        if not known:
            return tuple(rows)
        vectors = torch.stack([self.row(row.index).vector for row in known])
        found = {row.index: row for row in followed(self.state, vectors, known, progress)}
        return tuple(found.get(row.index, row) for row in rows)

    def row(self, index: int) -> Direction:
        """Return the direction of one row.

        Args:
            index: from 0.

        Returns:
            A unit vector, with the file's name and the row's.

        Raises:
            StabilityError: there is no such row, or it is zero.
        """
        [row] = checked([index], self.rows).tolist()
        [values] = self.rows.part(row, row + 1)
        vector = unit(torch.from_numpy(values), self.state.width).to(self.state.vector.device)
        return Direction("file", f"{self.rows.file}#{row}", vector)

    def search(self, text: str) -> Int[ndarray, " m"]:
        """Find rows by their index, or by a token that they push.

        Args:
            text: an index, or a part of a token's text, in any case, with `␣` for a space. The tokens
                of a row are the few that gain most probability along it, and those whose logits rise
                fastest, on either side; of a lens's row also its own.

        Returns:
            Indices: that of the index, or the rows of such tokens, then those that push one hardest.
        """
        own = np.arange(len(self))
        strength = strengths(self.laws, self.state, tokens_with(text, kept(self.laws), self.state))
        # an index of more digits than any number of rows is none, and Python may refuse to read it
        if text.strip().isdecimal() and len(text.strip()) <= LONGEST_INDEX:
            strength[own == int(text)] = np.inf
        if self.rows.are_tokens:
            strength[tokens_with(text, own, self.state)] = np.inf
        ranked = np.argsort(-strength, kind="stable")
        return ranked[strength[ranked] > 0]

    def name(self, row: int) -> str:
        """The name of a row: its index, or in a lens its token."""
        return self.state.text(row) if self.rows.are_tokens else str(row)
