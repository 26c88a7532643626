"""Measure all rows of a dictionary at one state, in parts that bound memory.

At `prelogit` one product with `W_U` serves thousands of rows. Below, the state's own Jacobian comes
first, whole, by as many reverse-mode products as the readout has coordinates: there are more rows than
that. Then the same product serves.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stability.dictionaries.dictionary import Dictionary
from stability.dictionaries.rows import RowsLike, rows_of, unit_rows
from stability.dictionaries.slopes import SlopeLaws, SlopeStream
from stability.prediction.jacobian import COLUMNS_AT_ONCE
from stability.prediction.state import State

ROWS_AT_ONCE = 512  # a processor does well with so many columns of a product


def dictionary(
    state: State,
    rows: RowsLike,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Dictionary:
    """Measure every row of a dictionary as a direction at a state.

    Args:
        state: a captured vector, at the site where the rows belong.
        rows: an array (n, d); or a file: the folder or file of a sparse autoencoder's decoder, a matrix
            as `.npy`, `.npz`, `.safetensors` or `.pt`, or a Jacobian lens, `.pt` with `J`.
        progress: called with the fraction that is done; what it raises ends the work.

    Returns:
        Curvature, closed form and brackets of every row, with the tokens that it pushes.

    Raises:
        StabilityError: the rows have another width than the state, or are not finite; the file is a
            learned map, an encoder or a pickle, or cannot be read; a lens has no map for the block.

    >>> import numpy as np
    >>> import stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> found = stability.dictionary(state, np.eye(3))
    >>> found.order.tolist(), found.radii(0.01).round(3), found.search("<2>").tolist()
    ([0, 1, 2], array([0.345, 0.458, 0.458]), [2, 0, 1])
    """
    source = rows_of(state, rows)
    move = _moving(state, source.count, progress)
    stream = SlopeStream(state.at_readout())
    norms, laws = [], []
    for start in range(0, source.count, ROWS_AT_ONCE):
        progress(start / source.count)
        unit, lengths = unit_rows(source.part(start, min(start + ROWS_AT_ONCE, source.count)))
        norms.append(lengths)
        laws.append(stream.laws(move(unit.to(state.vector.device))))
    return Dictionary(state, source, np.concatenate(norms), SlopeLaws.joined(laws))


def _moving(
    state: State, count: int, progress: Callable[[float], None]
) -> Callable[[Float[Tensor, "b d"]], Float[Tensor, "b D"]]:
    """How directions move the vector given to the readout: `J v`, by all of `J` if rows are many."""
    width = state.readout.width
    if state.is_at_readout or count < width:
        return lambda directions: state.jvp(directions.T).T
    parts = []
    identity = torch.eye(width, dtype=torch.float64, device=state.vector.device)
    for part in identity.split(COLUMNS_AT_ONCE, dim=1):
        progress(0.0)
        parts.append(state.vjp(part))
    transposed = torch.cat(parts, dim=1)
    return lambda directions: directions @ transposed
