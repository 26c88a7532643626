"""A file with a direction in each of many rows: a matrix, or a lens, whose rows `W_U` makes.

Of a sparse autoencoder the rows are those of the decoder: SAELens and Gemma Scope keep `W_dec`
(d_sae, d), Llama Scope `decoder.weight` (d, d_sae).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError
from stability.vector_files.content import no_lens
from stability.vector_files.layer_names import site_in, site_of_hook
from stability.vector_files.values import NUMBERS, OTHERS, floats_of
from stability.vector_files.vector_file import Entry, VectorFile

if TYPE_CHECKING:
    from torch import Tensor

DECODERS = ("W_dec", "decoder.weight")
LARGEST_DECODER = 2**29  # numbers
AT_ONCE = 4096  # rows that are looked through
ENCODERS = ("W_enc", "encoder.weight")


@dataclass(frozen=True, eq=False)
class RowFile:
    """The rows of one file, on the disk until they are asked for.

    Attributes:
        file: the file's name.
        format: the format's name, with the tool that writes it.
        matrix: a direction in each row, (n, d), as it is stored; None for a lens.
        lens: by block `L` the map `J` from there to the final norm, (D, d); empty for a matrix.
        hook: where the file says that its rows belong, in its own words; None where it does not.
    """

    file: str
    format: str
    matrix: "ndarray | Tensor | None" = field(default=None, repr=False)
    lens: "Mapping[int, Tensor]" = field(default_factory=dict, repr=False)
    hook: str | None = None

    @property
    def site(self) -> str | None:
        """The site that the hook names; None for no hook, and for one that is no site."""
        return site_in(self.hook) if self.hook else None

    @property
    def only_site(self) -> str:
        """The site that the file names; raises StabilityError where it names none, or several."""
        sites = [f"block:{layer}" for layer in self.lens] or [*filter(None, [self.site])]
        if len(sites) == 1:
            return sites[0]
        said = f"has maps for {', '.join(sites[:6])}" if sites else f"names {self.hook or 'none'}"
        raise StabilityError(
            f"A dictionary needs the site where its rows are measured; {self.file!r} {said}: give one, "
            f"as {sites[0] if sites else 'block:12'}."
        )


def in_float64(values: "ndarray | Tensor") -> Float[ndarray, "*n"]:
    """A copy of a part of a stored array in float64, whatever it is stored in."""
    # of a mapped file, what is not copied cannot be written to, of which torch warns
    return np.array(
        values if isinstance(values, np.ndarray) else values.double().cpu().numpy(), float
    )


def decoder(
    values: "ndarray | Tensor", key: str, file: str, tool: str, hook: str | None
) -> RowFile:
    """The rows of a decoder, which some tools store as columns.

    Raises StabilityError if it is no matrix, or its hook lies within a block.
    """
    if hook:
        site_of_hook(hook, file)
    matrix = values.T if key == "decoder.weight" else values
    require_matrix(matrix, key, file)
    return RowFile(file, f"sparse autoencoder ({tool}, rows of {key})", matrix, hook=hook)


def vectors_of(rows: RowFile) -> VectorFile:
    """The rows of a matrix as vectors, each as it is stored.

    Raises StabilityError for a lens, and for numbers that are not finite.
    """
    if rows.matrix is None:
        raise no_lens(rows.file)
    matrix = rows.matrix if isinstance(rows.matrix, np.ndarray) else floats_of(rows.matrix)
    parts = (matrix[start : start + AT_ONCE] for start in range(0, len(matrix), AT_ONCE))
    if not all(np.isfinite(part).all() for part in parts):
        raise StabilityError(
            f"A dictionary must be finite numbers; that of {rows.file!r} is not: get a clean copy."
        )
    site, warnings = site_of_hook(rows.hook, rows.file) if rows.hook else (None, ())
    entries = tuple(Entry(str(row), vector, site, site) for row, vector in enumerate(matrix))
    return VectorFile(rows.file, rows.format, entries, warnings=warnings)


def plain(values: "ndarray | Tensor", key: str, file: str, kind: str) -> RowFile:
    """The rows of a matrix; raises StabilityError for a map, as wide as it is high, and an encoder."""
    require_matrix(values, key, file)
    n, width = values.shape
    if n == width:
        raise StabilityError(
            f"A dictionary needs a direction in each row; {key} of {file!r} is a map of {n}×{width}, "
            "which moves each state by another vector: give a decoder's rows."
        )
    return RowFile(file, kind, values)


def chosen_key(shapes: Mapping[str, tuple[int, ...]], file: str) -> str:
    """Which of the arrays of a file is meant: its decoder, or its one matrix.

    Raises StabilityError for an encoder alone, and for several matrices.
    """
    if found := next((key for key in DECODERS if key in shapes), None):
        return found
    if found := next((key for key in ENCODERS if key in shapes), None):
        raise StabilityError(
            f"A dictionary's rows are those of a decoder, W_dec; {file!r} holds the encoder {found!r} "
            "alone, which reads states: give the file with the decoder."
        )
    matrices = [key for key, shape in shapes.items() if len(shape) == 2 and shape[0] > 1]
    if len(matrices) == 1:
        return matrices[0]
    received = ", ".join(f"{key:.40} {list(shape)}" for key, shape in [*shapes.items()][:4])
    raise StabilityError(
        f"A dictionary must be W_dec or one matrix; {file!r} holds {received or 'nothing'}: save its "
        "rows alone."
    )


def require_matrix(values: "ndarray | Tensor", key: str, file: str) -> None:
    """Raise StabilityError unless these are real numbers in rows, and not too many."""
    shape = list(values.shape)
    others = _others(values)
    if len(shape) != 2 or 0 in shape or others:
        what = others or f"the shape {shape}"
        raise StabilityError(
            f"A dictionary must be a matrix of real numbers with a direction in each row; {key} of "
            f"{file!r} has {what}: save it as (n, d), or give a single vector as a direction."
        )
    if shape[0] * shape[1] > LARGEST_DECODER:
        raise StabilityError(
            f"A dictionary must have at most {LARGEST_DECODER / 1e6:.0f} million numbers; {key} of "
            f"{file!r} has the shape {shape}: save some of its rows."
        )


def _others(values: "ndarray | Tensor") -> str:
    """What an array or a tensor holds in the place of real numbers; nothing where it holds those."""
    if isinstance(values, np.ndarray):
        is_real = values.dtype.kind in NUMBERS
        return "" if is_real else OTHERS.get(values.dtype.kind, "more than numbers")
    if values.is_complex():
        return OTHERS["c"]
    if str(values.dtype) == "torch.bool":
        return OTHERS["b"]
    is_plain = str(values.layout) == "torch.strided" and not (values.is_quantized or values.is_meta)
    return "" if is_plain else "numbers that are packed, or missing"
