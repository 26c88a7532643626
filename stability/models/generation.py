"""Greedy continuations of a prompt after one perturbation of one of its states."""

from collections.abc import Sequence
from dataclasses import fields

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.curvature.direction import unit
from stability.errors import StabilityError
from stability.geometry.continuation import Continuation
from stability.models.language_model import LanguageModel
from stability.models.network_above import NetworkAbove
from stability.models.writing import write
from stability.prediction import distribution
from stability.prediction.provenance import Token
from stability.prediction.readout import Readout
from stability.prediction.state import State


def continuations(
    lm: LanguageModel,
    state: State,
    direction: Float[Tensor, " d"] | Float[ndarray, " d"],
    distances: Sequence[float],
    n: int = 24,
) -> list[Continuation]:
    """Write on from a state moved once, by each of several distances along a direction.

    At `prelogit` and `final` the perturbation changes one prediction, and later ones through the token
    chosen; at `block:L` it also stays in the keys and values of the blocks above, which later tokens
    attend to. Every token is the most likely one::

        v = stability.spectrum(state, k=1).vectors[:, 0]
        for text in stability.continuations(lm, state, v, [0.0, 1.0, 2.0]):
            print(text.distance, "".join(token.text for token in text.tokens))

    Args:
        lm: the model that the state was captured from.
        state: the prompt counts up to its position.
        direction: vector (d,) at the state's site; its length is ignored.
        distances: signed lengths, in the coordinates of the state's vector.
        n: the most tokens to write; a text ends earlier with an end-of-text token.

    Returns:
        One continuation for each distance, compared with that of the unperturbed state: divergences
        by token in nats, and the first token that differs.

    Raises:
        StabilityError: `n` is below 1, or more than the model's context has room for; the direction
            is zero, not finite, or of another width than the state; a distance is not finite, or so
            large that a square overflows; or the state is not a language model's.
    """
    _require_own(lm, state)
    _require_room(lm, state, n)
    v = unit(direction, state.width).to(state.vector.device)
    t = torch.tensor([0.0, *distances], dtype=torch.float64, device=v.device)
    vectors = state.vector.double() + t[:, None] * v
    _require_squares(state, distances, vectors[1:])
    with torch.no_grad():
        logits = write(lm, state, vectors, n)
    ids = torch.stack([distribution.argmax(step) for step in logits]).T.tolist()
    log_p = torch.stack([distribution.log_probs(step) for step in logits])
    kl = distribution.kl(log_p[:, :1].expand_as(log_p), log_p).T.tolist()
    ends = end_tokens(lm)
    base, *perturbed = (through_end(row, ends) for row in ids)
    return [
        _continuation(lm, distance, row, nats[: len(base)], base)
        for distance, row, nats in zip(distances, perturbed, kl[1:], strict=True)
    ]


def _require_own(lm: LanguageModel, state: State) -> None:
    """Raise StabilityError unless the state was captured from this model."""
    if not isinstance(state.above, NetworkAbove | None):
        raise StabilityError(
            "A text can be continued only from a state that a language model was captured at; received "
            f"one of {state.model.name!r} at {state.site!r} below {type(state.above).__name__}: use "
            "`LanguageModel.capture`."
        )
    if state.model != lm.card or not _equal(state.readout, lm.readout):
        raise StabilityError(
            "A text must be continued by the model that its state was captured from; received a state "
            f"of {state.model.name!r} for {lm.card.name!r}: capture it from this model."
        )


def _equal(one: Readout, other: Readout) -> bool:
    return one is other or all(
        _same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
    )


def _same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.dtype == b.dtype and torch.equal(a, b.to(a.device))
    return a == b


def _require_room(lm: LanguageModel, state: State, n: int) -> None:
    if n < 1:
        raise StabilityError(f"A text needs at least one token; received {n}: ask for 24.")
    room = None if lm.context is None else lm.context - state.position - 1
    if room is not None and n > room:
        raise StabilityError(
            f"{lm.card.name} reads at most {lm.context} tokens; after position {state.position} there "
            f"is room for {room}, not for {n}: ask for fewer, or shorten the prompt."
        )


def _require_squares(
    state: State, distances: Sequence[float], vectors: Float[Tensor, "n d"]
) -> None:
    """Raise StabilityError unless the squares that a norm sums are finite."""
    squares = vectors.to(state.vector.dtype).square().sum(dim=1)
    beyond = [t for t, square in zip(distances, squares, strict=True) if not square.isfinite()]
    if beyond:
        precision = str(state.vector.dtype).removeprefix("torch.")
        raise StabilityError(
            f"A distance must be a number whose square is finite in {precision}; received "
            f"{beyond[0]}: try one near the length of the state's vector, {state.norm:.3g}."
        )


def end_tokens(lm: LanguageModel) -> set[int | None]:
    """The tokens that end a text: the tokenizer's, and those of the model's generation settings."""
    settings = lm.model.generation_config
    configured = settings.eos_token_id if settings else None
    return {
        lm.tokenizer.eos_token_id,
        *(configured if isinstance(configured, list) else [configured]),
    }


def through_end(ids: list[int], ends: set[int | None]) -> list[int]:
    """The ids up to the first end token, and with it."""
    stop = next((i for i, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: stop + 1]


def _continuation(
    lm: LanguageModel, distance: float, ids: list[int], kl: list[float], base: list[int]
) -> Continuation:
    pairs = zip(ids, base, strict=False)
    differing = next((i for i, (token, other) in enumerate(pairs) if token != other), None)
    tokens = tuple(Token(i, token, lm.text(token)) for i, token in enumerate(ids))
    return Continuation(float(distance), tokens, tuple(kl[: len(ids)]), differing)
