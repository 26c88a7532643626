"""Read a prompt once, for a steering vector at some of its positions."""

from collections.abc import Iterable, Iterator, Mapping
from math import hypot
from typing import Any

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.errors import StabilityError
from stability.models.checks import require_finite
from stability.models.forward_pass import ForwardPass
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import Conversation, PromptLike
from stability.prediction.provenance import Token
from stability.prediction.state import State
from stability.steering.passes.intervention import (
    Change,
    Positions,
    first_changed,
    resolve_positions,
    sites_by_block,
)
from stability.steering.passes.steered_pass import (
    ReadoutChange,
    passes_above,
    recorded_pass,
    recorded_slope,
)
from stability.steering.passes.steered_text import SteeredText
from stability.vector_files.steering_vector import SteeringVector


def steered_text(
    lm: LanguageModel, prompt: PromptLike, vector: SteeringVector, positions: Positions = "all"
) -> SteeredText:
    """Read a prompt once, and prepare it for a steering vector at some of its positions.

    Raises StabilityError where the model has no such site, or another width there, where two sites are
    one, and where the readout and a block are changed together.
    """
    tokens = lm.tokenize(prompt)
    chosen = resolve_positions(positions, len(tokens))
    start = first_changed(positions, len(tokens))
    changes = {
        block: _change(lm, vector.vectors[site], vector.mode, chosen)
        for block, site in sites_by_block(lm, vector.vectors).items()
    }
    if None in changes:
        prelogits, change = _at_readout(lm, tokens, changes), changes[None]
        states, passes = _states(lm, prompt, tokens, prelogits), ReadoutChange(prelogits, change)
        return SteeredText(prompt, states, passes, start, _reach([(prelogits, change)]))
    blocks = {block: changes[block] for block in sorted(b for b in changes if b is not None)}
    ids = lm.network.ids(tokens)
    # where only some tokens are changed, what the others leave serves a shorter product
    both = None if start else recorded_slope(lm.network, ids, blocks)
    recorded, known = both or (recorded_pass(lm.network, ids, start), None)
    states = _states(lm, prompt, tokens, recorded.prelogits)
    return _below_readout(recorded, states, blocks, start, known)


def steered_layers(
    lm: LanguageModel,
    prompt: PromptLike,
    vectors: Mapping[int, Float[ndarray, " d"]],
    mode: str,
    positions: Positions = "all",
) -> Iterator[SteeredText]:
    """Read a prompt once, and prepare it for vectors after blocks, each by itself.

    Raises StabilityError as `steered_text` does.
    """
    tokens = lm.tokenize(prompt)
    chosen = resolve_positions(positions, len(tokens))
    start = first_changed(positions, len(tokens))
    recorded = recorded_pass(lm.network, lm.network.ids(tokens), start)
    states = _states(lm, prompt, tokens, recorded.prelogits)
    for block, values in vectors.items():
        yield _below_readout(recorded, states, {block: _change(lm, values, mode, chosen)}, start)


def prompts_in(prompts: Any) -> list[PromptLike]:
    """One prompt, or several, as a list; raises StabilityError for none, and for what is no prompt."""
    if isinstance(prompts, str | Conversation):
        return [prompts]
    given = list(prompts) if isinstance(prompts, Iterable) else [prompts]
    if not given:
        raise StabilityError("A dose needs a prompt at least; received none: give a text.")
    for prompt in given:
        if not isinstance(prompt, str | Conversation):
            raise StabilityError(
                f"A prompt must be a text or a conversation; received {prompt!r:.60}: give a text."
            )
    return given


def _change(
    lm: LanguageModel, values: Float[ndarray, " d"], mode: str, chosen: tuple[int, ...] | None
) -> Change:
    return Change(torch.from_numpy(values).to(lm.network.device), mode, chosen)


def _states(
    lm: LanguageModel, prompt: PromptLike, tokens: tuple[Token, ...], prelogits: Tensor
) -> tuple[State, ...]:
    # one product for all positions, in the place of what each would compute when asked
    rows = zip(prelogits, lm.readout.uncapped(prelogits), strict=True)
    return tuple(
        State(
            row.float(), lm.readout, prompt, tokens, index, "prelogit", lm.card, lm.text
        ).with_logits(logits)
        for index, (row, logits) in enumerate(rows)
    )


def _below_readout(
    recorded: ForwardPass,
    states: tuple[State, ...],
    changes: Mapping[int, Change],
    start: int,
    known: Tensor | None = None,
) -> SteeredText:
    passes = passes_above(recorded, changes, start)
    reach = _reach([(recorded.block_outputs[block], each) for block, each in changes.items()])
    return SteeredText(states[0].prompt, states, passes, start, reach, known)


def _at_readout(
    lm: LanguageModel, tokens: tuple[Token, ...], changes: dict[int | None, Change]
) -> Tensor:
    if len(changes) > 1:
        raise StabilityError(
            "A steering vector must be applied after blocks or at the readout; received both: give one."
        )
    with torch.inference_mode(False), torch.no_grad():
        [prelogits] = lm.network.prelogits(lm.network.ids(tokens)[None]).float()
    require_finite(prelogits, lm.model, lm.card)
    changes[None].require_width(prelogits.shape[1], f"prelogit of {lm.card.name}")
    return prelogits


def _reach(changed: Iterable[tuple[Float[Tensor, "T d"], Change]]) -> float:
    """The coefficient at which the changes are as long as the states that they change.

    Of all sites and tokens together, but for the first token, whose state is much longer, where others
    are changed too.
    """
    lengths, changes = [], []
    for stream, change in changed:
        positions = range(len(stream)) if change.positions is None else change.positions
        others = [position for position in positions if position] or [0]
        states = stream[others].double()
        lengths.append(float(states.norm()))
        changes.append(float(change.of(states).norm()))
    return hypot(*lengths) / hypot(*changes) if any(changes) else 0.0
