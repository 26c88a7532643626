"""The directions of a dictionary, a part at a time: an array's, a file's, or a lens's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.arguments import real_array
from stability.dictionaries.final_gain import final_gain
from stability.errors import StabilityError
from stability.prediction.state import State
from stability.text import counted
from stability.vector_files.row_file import RowFile, in_float64, require_matrix
from stability.vector_files.row_readers import open_rows

RowsLike = str | Path | RowFile | Tensor | ndarray | Sequence[Any]
Indices = Sequence[Any] | ndarray


@dataclass(frozen=True, eq=False)
class Rows:
    """Directions in the coordinates of a state, with the lengths that they have in their file.

    Attributes:
        file: the name of the file, or `array`.
        format: the format's name, with the tool that writes it.
        count: the number of rows, `n`.
        read: the rows from one index to another, in float64.
        extracted: where the file says that its rows belong, in its own words; None where it does not.
        are_tokens: whether row `i` is that of token `i`, as in a lens.
        warnings: what is easily got wrong about it, a sentence each.
    """

    file: str
    format: str
    count: int
    read: Callable[[int, int], Float[ndarray, "m d"]] = field(repr=False)
    extracted: str | None = None
    are_tokens: bool = False
    warnings: tuple[str, ...] = ()

    def part(self, start: int, stop: int) -> Float[ndarray, "m d"]:
        """Some rows, checked; raises StabilityError for one that is not finite."""
        values = self.read(start, stop)
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if bad.size:
            raise StabilityError(
                f"A dictionary must be finite numbers; row {start + bad[0]} of {self.file!r} has some "
                "that are NaN or infinite: get a clean copy."
            )
        return values


def rows_of(state: State, source: RowsLike) -> Rows:
    """Return the rows of an array or of a file, as directions at a state.

    Args:
        state: where they are to be measured.
        source: an array (n, d), a path, or what `open_rows` gives.

    Returns:
        The rows, not yet read where they are a file's.

    Raises:
        StabilityError: they do not have the width of the state, or a lens has no map for its site.
    """
    if isinstance(source, str | Path):
        source = open_rows(source)
    if not isinstance(source, RowFile):
        source = _array(source)
    if source.lens:
        return _of_lens(state, source)
    matrix: Any = source.matrix
    n, width = matrix.shape
    if width != state.width:
        turned = n == state.width
        raise StabilityError(
            f"A dictionary's rows must have as many components as the state, {state.width} at "
            f"{state.site} of {state.model.name}; received {counted(n, 'row')} of {width} from "
            f"{source.file!r}: "
            + ("its columns have, so turn it over." if turned else "use one made for this model.")
        )
    return Rows(
        source.file,
        source.format,
        n,
        lambda start, stop: in_float64(matrix[start:stop]),
        source.hook,
        warnings=_elsewhere(state, source),
    )


def _array(values: Any) -> RowFile:
    if isinstance(values, Tensor):
        values = values.detach()
    elif not isinstance(values, ndarray) or values.dtype.kind not in "biuf":
        values = real_array(values, "A dictionary's numbers")
    require_matrix(values, "the array", "array")
    return RowFile("array", "array", values)


def _elsewhere(state: State, source: RowFile) -> tuple[str, ...]:
    """The sentence for rows that are measured at another site than that which they belong to."""
    last = f"block:{state.model.n_layers - 1}"
    site = last if state.site == "final" else state.site
    if source.hook is None or source.site == site:
        return ()
    return (f"Its rows were extracted at {source.hook}; here they are measured at {state.site}.",)


def _of_lens(state: State, source: RowFile) -> Rows:
    """Row `w` of `W_U·diag(g)·J_L`, the direction of token `w`, by the map of the state's block."""
    last = state.model.n_layers - 1
    site = f"block:{last}" if state.site == "final" else state.site
    layers = {f"block:{layer}": J for layer, J in source.lens.items()}
    if site not in layers:
        raise StabilityError(
            f"A Jacobian lens must have a map for the state's block; {source.file!r} has "
            f"{', '.join([*layers][:6])}{' …' if len(layers) > 6 else ''}, and the state is at "
            f"{state.site}: capture it at one of these."
        )
    J, W_U = layers[site].double(), state.readout.W_U
    if J.shape != (state.readout.width, state.width):
        raise StabilityError(
            f"A Jacobian lens must have the width of the model, {state.width}; {source.file!r} has a "
            f"map of {J.shape[0]}×{J.shape[1]} for {site}: use the one made for this model."
        )
    onward = (final_gain(state)[:, None] * J.to(W_U.device)).to(W_U)

    def read(start: int, stop: int) -> Float[ndarray, "m d"]:
        return (W_U[start:stop] @ onward).double().cpu().numpy()

    return Rows(
        source.file,
        source.format,
        len(W_U),
        read,
        site,
        are_tokens=True,
        warnings=(
            "A lens's maps are averages over prompts; curvature is that of this state's own network.",
        ),
    )


def unit_rows(values: Float[ndarray, "m d"]) -> tuple[Tensor, Float[ndarray, " m"]]:
    """Rows divided by their lengths, and those lengths; a row of zeros stays one."""
    # dividing by the largest component first keeps very small and very large rows in range
    largest = np.abs(values).max(axis=1, initial=0.0)
    scaled = values / np.where(largest > 0, largest, 1.0)[:, None]
    lengths = np.linalg.norm(scaled, axis=1)
    unit = scaled / np.where(lengths > 0, lengths, 1.0)[:, None]
    return torch.from_numpy(unit), lengths * largest


def checked(indices: Indices, rows: Rows) -> Int[ndarray, " m"]:
    """Indices of rows; raises StabilityError unless each is one."""
    chosen = np.asarray(indices)
    is_whole = chosen.ndim == 1 and (chosen.dtype.kind in "iu" or not chosen.size)
    if not is_whole or not ((chosen >= 0) & (chosen < rows.count)).all():
        raise StabilityError(
            f"Rows must be whole numbers from 0 to {rows.count - 1} in {rows.file!r}; received "
            f"{indices!s:.60}: choose some of those."
        )
    return chosen.astype(int)
