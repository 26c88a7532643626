"""Greedy writing after a push, and the check that it is what the whole model writes."""

from collections.abc import Callable
from contextlib import suppress

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from stability.errors import StabilityError
from stability.models.cache_copy import for_rows
from stability.models.checks import AGREEMENT
from stability.models.forward_pass import run_prefix
from stability.models.language_model import LanguageModel
from stability.models.network_above import NetworkAbove
from stability.models.network_view import PushedBlock, StandIn
from stability.prediction import distribution
from stability.prediction.state import State

Read = Callable[[Int[Tensor, "n t"]], Float[Tensor, "n D"]]


def write(
    lm: LanguageModel, state: State, vectors: Float[Tensor, "n d"], count: int
) -> list[Float[Tensor, "n V"]]:
    """Return the logits of `count` new tokens after each of `vectors` at a state's site.

    Every token is the most likely one, and is read with what the earlier ones have left. Where one
    pass over the whole text gives other vectors, or the model leaves nothing, the text is read anew
    for every token.
    """
    first, cache = _prefill(lm, state, vectors)

    def read_last(ids: Int[Tensor, "n t"]) -> Float[Tensor, "n D"]:
        return lm.network.prelogits(ids[:, -1:], cache=cache)[:, -1]

    def read_all(ids: Int[Tensor, "n t"]) -> Float[Tensor, "n t D"]:
        return lm.network.prelogits(ids, _pushed(state, vectors))

    # what fails here is tried again without a cache
    with suppress(StabilityError):
        if cache is not None:
            logits, prelogits, ids = _extend(lm, state, first, count, read_last)
            if _agree(prelogits[:, 1:], read_all(ids)[:, state.position + 1 :]):
                return logits
    return _extend(lm, state, first, count, lambda ids: read_all(ids)[:, -1])[0]


def _prefill(
    lm: LanguageModel, state: State, vectors: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "n D"], DynamicCache | None]:
    """The vectors that the unembedding is given, and what is left for the tokens that follow.

    Nothing is where a model's rotations depend on the text's length.
    """
    cache = None
    if isinstance(state.above, NetworkAbove):
        vectors, cache = state.above.prefill(vectors)
    elif not lm.network.rotations:
        with suppress(StabilityError):
            prefix = run_prefix(lm.network, _read_ids(lm, state))
            cache = None if prefix is None else for_rows(prefix, len(vectors))
    return vectors, None if lm.network.rotations else cache


def _extend(
    lm: LanguageModel, state: State, prelogits: Float[Tensor, "n D"], count: int, read: Read
) -> tuple[list[Float[Tensor, "n V"]], Float[Tensor, "n count D"], Int[Tensor, "n t"]]:
    """Write, with `read` for the vectors after a text; return logits, vectors and the text read."""
    ids = _read_ids(lm, state).expand(len(prelogits), -1)
    steps, logits = [prelogits], [lm.readout.logits(prelogits)]
    for _ in range(count - 1):
        ids = torch.cat([ids, distribution.argmax(logits[-1])[:, None]], dim=1)
        steps.append(read(ids))
        logits.append(lm.readout.logits(steps[-1]))
    return logits, torch.stack(steps, dim=1), ids


def _agree(vectors: Float[Tensor, "n t D"], expected: Float[Tensor, "n t D"]) -> bool:
    """Whether vectors are the same but for the rounding of their precision."""
    tolerance = max(AGREEMENT, 16 * torch.finfo(expected.dtype).eps)
    error = (vectors - expected).norm(dim=-1)
    return bool((error <= tolerance * expected.norm(dim=-1)).all())


def _pushed(state: State, vectors: Float[Tensor, "n d"]) -> dict[str, StandIn]:
    """The state's block, pushed at its position so that `vectors` leave it; none at `prelogit`."""
    if not isinstance(state.above, NetworkAbove):
        return {}
    name, block = state.above.named_block
    return {name: PushedBlock(block, state.position, vectors - state.vector.double())}


def _read_ids(lm: LanguageModel, state: State) -> Int[Tensor, " t"]:
    """The token ids up to a state's position."""
    return lm.network.ids(state.tokens[: state.position + 1])
