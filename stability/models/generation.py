"""What a model would write: greedy continuations after one perturbation of one state."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from transformers import DynamicCache

from stability.curvature.directions import unit
from stability.errors import StabilityError
from stability.geometry.continuation import Continuation
from stability.models.language_model import LanguageModel
from stability.models.network_above import Upper, passage, run
from stability.prediction import distribution
from stability.prediction.state import State, Token


def continuations(
    lm: LanguageModel,
    state: State,
    direction: Float[Tensor, " d"] | Float[ndarray, " d"],
    distances: Sequence[float],
    n: int = 24,
) -> list[Continuation]:
    """Greedy texts of at most `n` tokens from a state moved once by each distance along a direction.

    The prompt counts up to the state's position. At `prelogit` and `final` the perturbation changes
    one prediction, and later ones through the token chosen; at `block:L` it also stays in the keys
    and values of the blocks above, which later tokens read. A text ends after an end-of-text token.
    Raises StabilityError where the model's context has no room for `n` more tokens.
    """
    if n < 1:
        raise StabilityError(f"A text needs at least one token; received {n}: ask for 24.")
    room = None if lm.context is None else lm.context - state.position - 1
    if room is not None and n > room:
        raise StabilityError(
            f"{lm.card.name} reads at most {lm.context} tokens; after position {state.position} there "
            f"is room for {room}, not for {n}: ask for fewer, or shorten the prompt."
        )
    v = unit(direction, state.width).to(state.vector.device)
    moves = torch.tensor([0.0, *distances], dtype=torch.float64, device=v.device)
    vectors = state.vector.double() + moves[:, None] * v
    with torch.no_grad():
        last, cache = _entered(lm, state, vectors)
        steps = _written(lm, last, cache, n)
    ids = torch.stack([distribution.argmax(step) for step in steps]).T.tolist()
    log_p = torch.stack([distribution.log_probs(step) for step in steps])
    kl = distribution.kl(log_p[:, :1].expand_as(log_p), log_p).T.tolist()
    ends = _ends(lm)
    base, *others = (_until(own, ends) for own in ids)
    return [
        _continuation(lm, t, own, nats[: len(base)], base)
        for t, own, nats in zip(distances, others, kl[1:], strict=True)
    ]


def _ends(lm: LanguageModel) -> set[int | None]:
    """The tokens that end a text: the tokenizer's, and those that the model names for writing."""
    named = lm.model.generation_config.eos_token_id if lm.model.generation_config else None
    return {lm.tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}


def _entered(
    lm: LanguageModel, state: State, vectors: Float[Tensor, "n d"]
) -> tuple[Float[Tensor, "n D"], DynamicCache]:
    """The moved vectors before the readout, and the keys and values that later tokens will read."""
    if isinstance(state.above, Upper):
        return state.above.continued(vectors)
    ids = torch.tensor([token.id for token in state.tokens], device=lm.model.device)
    return vectors, passage(lm.model.base_model, ids).before(state.position + 1, len(vectors))


def _written(
    lm: LanguageModel, last: Float[Tensor, "n D"], cache: DynamicCache, n: int
) -> list[Float[Tensor, "n V"]]:
    """The logits of each new token, the most likely one always chosen."""
    steps = [lm.readout.logits(last)]
    for _ in range(n - 1):
        ids: Int[Tensor, "n 1"] = distribution.argmax(steps[-1])[:, None]
        steps.append(lm.readout.logits(run(lm.model.base_model, ids, cache)[:, -1]))
    return steps


def _until(ids: list[int], ends: set[int | None]) -> list[int]:
    """The ids up to and with the first end."""
    stop = next((i for i, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: stop + 1]


def _continuation(
    lm: LanguageModel, distance: float, ids: list[int], kl: list[float], base: list[int]
) -> Continuation:
    pairs = zip(ids, base, strict=False)
    differing = next((i for i, (own, other) in enumerate(pairs) if own != other), None)
    tokens = tuple(Token(i, token, lm.text(token)) for i, token in enumerate(ids))
    return Continuation(float(distance), tokens, tuple(kl[: len(ids)]), differing)
