"""What a model writes while it is steered: in its prompt, and at every token that follows."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.arguments import whole
from stability.errors import StabilityError
from stability.models.checks import AGREEMENT
from stability.models.language_model import LanguageModel
from stability.models.network_view import StandIn
from stability.prediction import distribution
from stability.prediction.conversation import PromptLike
from stability.steering.passes.intervention import Positions, SteeredBlock, coefficients_in
from stability.steering.passes.reading import steered_text
from stability.steering.passes.steered_pass import SteeredPass
from stability.steering.passes.steered_text import SteeredText
from stability.vector_files.steering_vector import SteeringVector

Read = Callable[[Int[Tensor, "n t"]], Float[Tensor, "n D"]]


def write_steered(
    lm: LanguageModel,
    prompt: PromptLike,
    vector: SteeringVector,
    coefficients: Sequence[float],
    n: int,
    positions: Positions = "all",
) -> tuple[Int[Tensor, "m t"], Float[Tensor, "m n V"]]:
    """The token ids of a prompt with `n` greedy ones for each coefficient, and the logits of those.

    With positions `all` the vector is applied at every token, also at those that are written. Where
    one pass over the whole text gives other vectors than what is kept of earlier tokens, or nothing is
    kept, the text is read anew for every token. Raises StabilityError as `steered_text` does, for no
    coefficients or tokens, and where the network's output is not finite.
    """
    n = whole(n, "A number of tokens to write", example=24)
    c = torch.from_numpy(coefficients_in(coefficients)).to(lm.network.device)
    text = steered_text(lm, prompt, vector, positions)
    ids = lm.network.ids(text.tokens).expand(len(c), -1)
    length = ids.shape[1]
    cache = lm.network.new_cache() if not lm.network.rotations else None

    def read_next(ids: Int[Tensor, "n t"]) -> Float[Tensor, "n D"]:
        # the prompt is read at once, and then each new token
        start = 0 if ids.shape[1] == length else ids.shape[1] - 1
        return _read(lm, text, c, ids[:, start:], start, cache)[:, -1]

    def read_all(ids: Int[Tensor, "n t"]) -> Float[Tensor, "n t D"]:
        return _read(lm, text, c, ids)

    with torch.no_grad():
        # what fails here is tried again without a cache
        with suppress(StabilityError):
            if cache is not None:
                written, logits, steps = _extend(lm, ids, n, read_next)
                anew = read_all(written[:, :-1])[:, length - 1 :]
                error = (steps - anew).norm(dim=-1) / anew.norm(dim=-1)
                if (error <= AGREEMENT).all():
                    return written, logits
        written, logits, _ = _extend(lm, ids, n, lambda ids: read_all(ids)[:, -1])
    return written, logits


def _read(
    lm: LanguageModel,
    text: SteeredText,
    c: Float[Tensor, " n"],
    ids: Int[Tensor, "n t"],
    start: int = 0,
    cache: Any = None,
) -> Float[Tensor, "n t D"]:
    """What the unembedding is given for tokens that follow `start` others."""
    stand_ins: dict[str, StandIn] = {}
    steered = text.steered
    if isinstance(steered, SteeredPass):
        named = list(steered.forward_pass.blocks.items())
        stand_ins = {
            named[block][0]: SteeredBlock(named[block][1], change, c, start)
            for block, change in steered.changes.items()
        }
    vectors = lm.network.prelogits(ids, stand_ins, cache)
    return vectors if isinstance(steered, SteeredPass) else steered.change(vectors, c, start)


def _extend(
    lm: LanguageModel, ids: Int[Tensor, "m t"], n: int, read: Read
) -> tuple[Int[Tensor, "m s"], Float[Tensor, "m n V"], Float[Tensor, "m n D"]]:
    steps, logits = [], []
    for _ in range(n):
        steps.append(read(ids))
        logits.append(lm.readout.logits(steps[-1]))
        bad = int((~logits[-1].isfinite().all(dim=1)).sum())
        if bad:
            raise StabilityError(
                f"A network's output must be finite; at {bad} of {len(ids)} coefficients it is not: "
                "write with smaller ones."
            )
        ids = torch.cat([ids, distribution.argmax(logits[-1])[:, None]], dim=1)
    return ids, torch.stack(logits, dim=1), torch.stack(steps, dim=1)
