"""What a model asks for before it is loaded: a download, disk, memory, and the consent to a licence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# bytes of a weight
WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
UNKNOWN_LICENCE = "unknown"
# Bytes for the tokenizer and for looking at a prompt. Measured on SmolLM2-135M: at most 364 MB beside
# the weights, while it was loaded and the pages Explore and Depth were drawn.
WORKING = 400_000_000


@dataclass(frozen=True)
class Weights:
    """How many weights a model has, and how many of them are in its largest table of tokens."""

    parameters: int
    unembedding: int


def licence_of(card: Mapping[str, Any]) -> str:
    """The licence that the metadata of a model names."""
    licence = card.get("license_name") or card.get("license")
    return licence if isinstance(licence, str) and licence.isprintable() else UNKNOWN_LICENCE


def weights_of(shapes: Iterable[Sequence[int]]) -> Weights:
    """Count the weights of tensors; the unembedding is taken to be the matrix with the longest side."""
    shapes = [tuple(int(side) for side in shape) for shape in shapes]
    matrices = [shape for shape in shapes if len(shape) == 2]
    longest = max(matrices, key=lambda shape: (max(shape), math.prod(shape)), default=())
    return Weights(sum(map(math.prod, shapes)), math.prod(longest) if longest else 0)


@dataclass(frozen=True)
class Requirements:
    """What is known of a model that is not loaded; None for what is not.

    Attributes:
        name: as `load` takes it.
        title: as people know it.
        licence: its name, or `unknown`.
        stored: bytes that lie on this computer.
        to_fetch: bytes that are still to be fetched.
        weights: their numbers.
        is_converted: whether float32 weights are made of a GGUF first.
    """

    name: str
    title: str
    licence: str
    stored: int
    to_fetch: int | None
    weights: Weights | None
    is_converted: bool = False

    def memory(self, dtype: str) -> int | None:
        """Bytes of main memory that loading takes at most, beside files that the system can drop.

        `n·w + 4·m + WORKING` with `n` weights of `w` bytes each. The readout holds a float32 copy of a
        half-precision unembedding (`m` weights), and a conversion one float32 tensor beside the others;
        `m` is 0 without either. Measured on SmolLM2-135M and on a Llama of 254 million weights: whole,
        sharded, and from either precision to either, the peak is never above this.
        """
        if self.weights is None:
            return None
        needs = [_needed(self.weights, dtype, has_copy=dtype != "float32")]
        if self.is_converted:
            needs.append(_needed(self.weights, "float32", has_copy=True))
        return max(needs)


def _needed(weights: Weights, dtype: str, has_copy: bool) -> int:
    copied = WIDTHS["float32"] * weights.unembedding if has_copy else 0
    return weights.parameters * WIDTHS[dtype] + copied + WORKING
