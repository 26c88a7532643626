"""What a model asks for before it is loaded: a download, disk, memory, and the consent to a licence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stability.models.precision import WIDTHS

UNKNOWN_LICENCE = "unknown"
# Bytes for the tokenizer and for looking at a prompt, in all and for each token of the vocabulary.
# Measured beside the weights, while a model was loaded and the page Explore drawn with all its figures:
# at most 364 MB on SmolLM2-135M (49,152 tokens), 1219 MB on Gemma 3 270M (262,144 tokens).
WORKING, WORKING_PER_TOKEN = 200_000_000, 4_000
# of the free memory of a card that holds a part of a model, the rest for parts of long arrays
SHARE_FOR_WEIGHTS = 0.9


@dataclass(frozen=True)
class Weights:
    """How many weights a model has, how many of them are in its unembedding, and that one's rows."""

    parameters: int
    unembedding: int
    vocabulary: int


def licence_of(card: Mapping[str, Any]) -> str:
    """The licence that the metadata of a model names."""
    licence = card.get("license_name") or card.get("license")
    return licence if isinstance(licence, str) and licence.isprintable() else UNKNOWN_LICENCE


def weights_of(shapes: Iterable[Sequence[int]]) -> Weights:
    """Count the weights of tensors; the unembedding is taken to be the matrix with the longest side."""
    shapes = [tuple(int(side) for side in shape) for shape in shapes]
    matrices = [shape for shape in shapes if len(shape) == 2]
    longest = max(matrices, key=lambda shape: (max(shape), math.prod(shape)), default=())
    return Weights(
        parameters=sum(map(math.prod, shapes)),
        unembedding=math.prod(longest) if longest else 0,
        vocabulary=max(longest, default=0),
    )


@dataclass(frozen=True)
class Requirements:
    """What is known of a model that is not loaded; None for what is not.

    Attributes:
        title: as people know it.
        licence: its name, or `unknown`.
        to_fetch: bytes that are still to be fetched.
        weights: their numbers.
        is_converted: whether float32 weights are made of a GGUF first.
    """

    title: str
    licence: str
    to_fetch: int | None
    weights: Weights | None
    is_converted: bool = False

    def memory(self, dtype: str) -> int | None:
        """Bytes of main memory that loading takes at most, beside files that the system can drop.

        `n·w + 4·m + WORKING + WORKING_PER_TOKEN·V` with `n` weights of `w` bytes each. The readout
        holds a float32 copy of a half-precision unembedding (`m` weights), and a conversion one float32
        tensor beside the others; `m` is 0 without either. Measured on SmolLM2-135M and on a Llama of
        254 million weights: whole, sharded, from either precision to either, the peak is not above.
        """
        if self.weights is None:
            return None
        needs = [_needed(self.weights, dtype, has_copy=dtype != "float32")]
        if self.is_converted:
            needs.append(_needed(self.weights, "float32", has_copy=True))
        return max(needs)

    @property
    def memory_to_compute(self) -> int | None:
        """Bytes of a card that computes with weights of which it need not hold any."""
        if self.weights is None:
            return None
        return math.ceil(computing_memory(self.weights) / SHARE_FOR_WEIGHTS)


def computing_memory(weights: Weights) -> int:
    """Bytes that a device takes to compute with weights that lie elsewhere: `W_U`, and to work."""
    return WIDTHS["float32"] * weights.unembedding + _working(weights)


def _needed(weights: Weights, dtype: str, has_copy: bool) -> int:
    copied = WIDTHS["float32"] * weights.unembedding if has_copy else 0
    return weights.parameters * WIDTHS[dtype] + copied + _working(weights)


def _working(weights: Weights) -> int:
    return WORKING + WORKING_PER_TOKEN * weights.vocabulary
