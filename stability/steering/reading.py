"""Read a prompt once, for a steering vector at some of its positions."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.errors import StabilityError
from stability.models.checks import require_finite, require_float32
from stability.models.forward_pass import ForwardPass
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import Conversation, PromptLike
from stability.prediction.provenance import Token
from stability.prediction.state import State
from stability.steering.intervention import Change, Positions, resolve_positions
from stability.steering.steered_pass import ReadoutChange, passes_above, recorded_pass
from stability.steering.steered_text import SteeredText
from stability.vector_files.steering_vector import SteeringVector


def steered_text(
    lm: LanguageModel, prompt: PromptLike, vector: SteeringVector, positions: Positions = "all"
) -> SteeredText:
    """Read a prompt once, and prepare it for a steering vector at some of its positions.

    Raises StabilityError where the model has no such site, or another width there; in half precision
    below the readout; and where the readout and a block are changed together.
    """
    tokens = lm.tokenize(prompt)
    chosen = resolve_positions(positions, len(tokens))
    start = 0 if chosen is None else chosen[0]
    changes = {
        lm.block(site): _change(lm, values, vector.mode, chosen)
        for site, values in vector.vectors.items()
    }
    if None in changes:
        prelogits, change = _at_readout(lm, tokens, changes), changes[None]
        states, passes = _states(lm, prompt, tokens, prelogits), ReadoutChange(prelogits, change)
        return SteeredText(prompt, states, passes, start, _reach(prelogits, change))
    recorded, states = _record(lm, prompt, tokens, start)
    blocks = {block: change for block, change in changes.items() if block is not None}
    return _below_readout(recorded, states, dict(sorted(blocks.items())), start)


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
    start = 0 if chosen is None else chosen[0]
    recorded, states = _record(lm, prompt, tokens, start)
    for block, values in vectors.items():
        yield _below_readout(recorded, states, {block: _change(lm, values, mode, chosen)}, start)


def prompts_in(prompts: PromptLike | Sequence[PromptLike]) -> list[PromptLike]:
    """One prompt, or several, as a list; raises StabilityError for none."""
    given = [prompts] if isinstance(prompts, str | Conversation) else list(prompts)
    if not given:
        raise StabilityError("A dose needs a prompt at least; received none: give a text.")
    return given


def _change(
    lm: LanguageModel, values: Float[ndarray, " d"], mode: str, chosen: tuple[int, ...] | None
) -> Change:
    return Change(torch.from_numpy(values).to(lm.model.device), mode, chosen)


def _states(
    lm: LanguageModel, prompt: PromptLike, tokens: tuple[Token, ...], prelogits: Tensor
) -> tuple[State, ...]:
    states = tuple(
        State(row.float(), lm.readout, prompt, tokens, index, "prelogit", lm.card, lm.text)
        for index, row in enumerate(prelogits)
    )
    # one product for all positions, in the place of what each would compute when asked
    for state, logits in zip(states, lm.readout.uncapped(prelogits), strict=True):
        state.__dict__["uncapped_logits"] = logits
    return states


def _record(
    lm: LanguageModel, prompt: PromptLike, tokens: tuple[Token, ...], start: int
) -> tuple[ForwardPass, tuple[State, ...]]:
    require_float32(lm.card)
    recorded = recorded_pass(lm.network, lm.network.ids(tokens), start)
    return recorded, _states(lm, prompt, tokens, recorded.prelogits)


def _below_readout(
    recorded: ForwardPass, states: tuple[State, ...], changes: Mapping[int, Change], start: int
) -> SteeredText:
    passes = passes_above(recorded, changes, start)
    reach = max(_reach(recorded.block_outputs[block], each) for block, each in changes.items())
    return SteeredText(states[0].prompt, states, passes, start, reach)


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
    width, received = prelogits.shape[1], len(changes[None].vector)
    if width != received:
        raise StabilityError(
            f"A steering vector must have as many components as the state that it changes, {width} at "
            f"prelogit of {lm.card.name}; received {received}: use a vector made for this model."
        )
    return prelogits


def _reach(stream: Float[Tensor, "T d"], change: Change) -> float:
    """The coefficient at which a change is as long as what it changes, but for the first token."""
    states = (stream[1:] if len(stream) > 1 else stream).double()
    lengths, changes = states.norm(), change.of(states).norm()
    return float(lengths / changes) if changes > 0 else 0.0
