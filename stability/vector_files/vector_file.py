"""What a file of steering vectors holds, with its lengths, its signs and its layers kept."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError
from stability.vector_files.values import ContentError, numbers_of

ADD, PROJECT = "add", "project"
LONGEST_VECTOR = 2**24  # components
# lengths of vectors: squares of others, and of their products with states, leave float64
SHORTEST, FARTHEST = 1e-60, 1e60
SHOWN = 6  # of the names of a file, in a sentence


@dataclass(frozen=True, eq=False)
class Entry:
    """One vector of a file.

    Attributes:
        name: how the file itself calls it.
        vector: (d,), as it is stored.
        applied: the site after which the file's own tool adds it; None where the file does not say.
        extracted: the site at which it was measured; None where the file does not say.
    """

    name: str
    vector: Float[ndarray, " d"] = field(repr=False)
    applied: str | None = None
    extracted: str | None = None


@dataclass(frozen=True, eq=False)
class VectorFile:
    """The vectors of one file.

    Attributes:
        file: the file's name.
        format: the format's name, with the tool that writes it.
        entries: at least one, all of one width.
        mode: `add`, h ← h + c·v, or `project`, h ← h − c·(h·d)d with d = v/‖v‖.
        coefficient: the strength that the file itself proposes; None where it names none.
        model_type: the architecture that the file names; None where it names none.
        layered: whether the entries are the rows of one matrix, which may be a row for each block.
        ends_normed: whether the vector of the last block was measured after the final norm, as the last
            of transformers' `hidden_states` is.
        warnings: what is easily got wrong about this file, a sentence each.

    >>> import stability
    >>> from stability.vector_files.registry import parse_vectors
    >>> file = parse_vectors(b"[0.6, 0.8]", "pasted")
    >>> isinstance(file, stability.VectorFile), file.format, file.entries[0].vector.tolist()
    (True, 'JSON list', [0.6, 0.8])
    """

    file: str
    format: str
    entries: tuple[Entry, ...]
    mode: str = ADD
    coefficient: float | None = None
    model_type: str | None = None
    layered: bool = False
    ends_normed: bool = False
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.entries:
            raise StabilityError(
                f"A file of vectors must hold one at least; {self.file!r} ({self.format}) holds none: "
                "save it again."
            )
        widths = {len(entry.vector) for entry in self.entries}
        if len(widths) > 1:
            raise StabilityError(
                f"The vectors of a file must have one width; those of {self.file!r} have "
                f"{', '.join(map(str, sorted(widths)[:SHOWN]))}: save those of one model."
            )

    @property
    def names(self) -> str:
        """The names of the first vectors, in a sentence."""
        names = [entry.name for entry in self.entries[:SHOWN]]
        left = len(self.entries) - len(names)
        return ", ".join(names) + (f" and {left:,} more" if left else "")


def checked(values: Any, name: str, file: str) -> Float[ndarray, " d"]:
    """One vector in float64, an axis of length one before it left out.

    Raises StabilityError unless it is real, finite, of a length that can be squared, and has one axis.
    """
    try:
        values = numbers_of(values)
    except ContentError as error:
        raise StabilityError(
            f"A vector must be real numbers; {name} of {file!r} is not ({error}): save its floats."
        ) from error
    if values.size > LONGEST_VECTOR:
        raise StabilityError(
            f"A vector must have at most {LONGEST_VECTOR:,} components; {name} of {file!r} has "
            f"{values.size:,}: save the one vector alone."
        )
    vector = values.reshape(-1) if values.ndim == 2 and len(values) == 1 else values
    if vector.ndim != 1 or not vector.size:
        raise StabilityError(
            f"A vector must be numbers in a row; {name} of {file!r} has the shape {values.shape}: save "
            "the vector alone, of shape (d,)."
        )
    vector = vector.astype(float)
    bad = int((~np.isfinite(vector)).sum())
    if bad:
        raise StabilityError(
            f"A vector must be finite; {bad} of its {len(vector)} components are NaN or infinite in "
            f"{name} of {file!r}: check how it was made."
        )
    largest = float(np.abs(vector).max())
    if largest and not SHORTEST < largest < FARTHEST:
        raise StabilityError(
            f"A vector's components must lie between {SHORTEST:g} and {FARTHEST:g}; the largest in "
            f"{name} of {file!r} is {largest:.3g}: scale it."
        )
    return vector


def finite(value: object) -> float | None:
    """A number as a float; None for anything else, truth values among them."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def rows_of(matrix: ndarray, name: str, file: str) -> tuple[Entry, ...]:
    """The rows of a matrix as vectors, named by their index.

    Raises StabilityError for a map, as wide as it is high, and for what is no matrix.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise StabilityError(
            f"Vectors must be the rows of a matrix; {name} of {file!r} has the shape "
            f"{matrix.shape}: save the one vector you mean, (d,)."
        )
    n, width = matrix.shape
    if n == width:
        raise StabilityError(
            f"A steering vector is needed; {name} of {file!r} is a map of {n}×{width}, which moves "
            "each state by another vector: save the vector that it gives you."
        )
    return tuple(Entry(str(row), checked(matrix[row], f"row {row}", file)) for row in range(n))
