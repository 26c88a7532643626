"""A state without a language model: an unembedding, a vector, and a network of plain functions.

For teaching, for examples and tests, and for vectors and matrices that come from elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.arguments import MOST_NATS, real_array
from stability.errors import StabilityError
from stability.prediction.provenance import ModelCard, Token
from stability.prediction.readout import Readout
from stability.prediction.state import State

LONGEST_ROW = 1e40  # the fourth power of a slope, and e^600 times it, stay within float64
Block = Callable[[Float[Tensor, "n d"]], Float[Tensor, "n D"]]


@dataclass(frozen=True)
class BareNetwork:
    """Functions of batches of vectors, one after the other: the network above a site.

    Attributes:
        blocks: each takes (n, d) to (n, D); the last gives what `W_U` multiplies.
    """

    blocks: tuple[Block, ...]
    holds_weights: ClassVar[bool] = False
    at_once: ClassVar[int] = 1024

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """The vectors given to the readout, for several vectors at the site."""
        return self.trajectory(vectors)[-1]

    def trajectory(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """Vectors and the output of each block; the last block stands for the final norm."""
        outputs = [vectors]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return tuple(outputs)


def bare_state(
    W_U: Float[Tensor, "V D"] | Float[ndarray, "V D"],
    vector: Float[Tensor, " d"] | Float[ndarray, " d"],
    blocks: Sequence[Block] = (),
) -> State:
    """The state of a vector that an unembedding, below some functions, turns into logits.

    Args:
        W_U: the unembedding, (V, D): a row for each token.
        vector: what is perturbed, (d,): the vector that `W_U` multiplies, or, if there are `blocks`,
            the vector that enters the first of them.
        blocks: functions of batches of vectors, (n, d) to (n, D), from the site to the readout.

    Returns:
        A state at `prelogit`, or at `block:0` if there are blocks. Tokens are spelled `<0>`, `<1>`, …

    Raises:
        StabilityError: the vector that `W_U` is to multiply has another width than its rows, or the
            logits are not finite.

    >>> import numpy as np
    >>> state = bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> state.argmax, round(state.entropy, 3)
    (0, 0.666)
    """
    rows, vector = _tensor(W_U, "W_U"), _tensor(vector, "The vector")
    if rows.ndim != 2 or vector.ndim != 1 or 0 in rows.shape:
        raise StabilityError(
            "W_U must be a matrix with a row for each token, and the vector have one axis; received "
            f"shapes {tuple(rows.shape)} and {tuple(vector.shape)}: give (V, D) and (d,)."
        )
    V, width = rows.shape
    state = State(
        vector=vector,
        readout=Readout(rows),
        prompt="",
        tokens=(Token(0, 0, ""),),
        position=0,
        site="block:0" if blocks else "prelogit",
        model=ModelCard(
            "bare", "none", str(rows.dtype).removeprefix("torch."), width, len(blocks), V
        ),
        text=lambda token: f"<{token}>",
        above=BareNetwork(tuple(blocks)) if blocks else None,
    )
    _require_logits(state)
    return state


def _tensor(values: Tensor | ndarray, what: str) -> Tensor:
    """Real numbers as a tensor in the precision that they come in, whole ones in float64."""
    if not isinstance(values, Tensor) or values.is_complex():
        real = real_array(values, what)
        kept = isinstance(values, ndarray) and values.dtype == np.float32
        values = torch.from_numpy(real.astype(np.float32) if kept else real)
    return values.detach() if values.is_floating_point() else values.double()


def _require_logits(state: State) -> None:
    """Raise StabilityError unless a state's vector leads to finite logits."""
    received, width = state.prelogit.shape, state.readout.width
    if received != (width,):
        raise StabilityError(
            f"The vector that W_U multiplies must have the width of its rows, {width}; received one "
            f"of shape {tuple(received)}: give a vector of that width, or blocks that lead to it."
        )
    longest = float(state.readout.row_norms_squared.max())
    bad = int((~(state.uncapped_logits.abs() <= MOST_NATS)).sum())
    if not bad and not longest <= LONGEST_ROW**2:
        raise StabilityError(
            f"Rows of W_U must not be longer than {LONGEST_ROW:g}; the longest is {longest**0.5:.3g}: "
            "rescale them."
        )
    if bad:
        raise StabilityError(
            f"Logits must be finite, and at most {MOST_NATS:g}; {bad} of {len(state.logits)} are NaN, "
            "infinite or beyond: check the vector, W_U and the blocks."
        )
