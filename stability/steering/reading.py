"""Read a prompt once, for a steering vector at some of its positions."""

import torch
from jaxtyping import Float
from torch import Tensor

from stability.errors import StabilityError
from stability.models.checks import require_finite, require_float32
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.prediction.provenance import Token
from stability.prediction.state import State
from stability.steering.intervention import Change, Positions, resolve_positions
from stability.steering.steered_pass import ReadoutChange, SteeredPass, steered_passes
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
    device = lm.model.device
    changes = {
        lm.block(site): Change(torch.from_numpy(values).to(device), vector.mode, chosen)
        for site, values in vector.vectors.items()
    }
    passes: tuple[SteeredPass, ...] | ReadoutChange
    if None in changes:
        prelogits, stream = _at_readout(lm, tokens, changes)
        passes = ReadoutChange(prelogits, changes[None])
        streams = [(stream, changes[None])]
    else:
        require_float32(lm.card)
        blocks = {block: change for block, change in sorted(changes.items()) if block is not None}
        passes = steered_passes(lm.network, lm.network.ids(tokens), blocks, start)
        recorded = passes[0].forward_pass
        prelogits = recorded.prelogits
        streams = [(recorded.block_outputs[block], change) for block, change in blocks.items()]
    states = tuple(
        State(row.float(), lm.readout, prompt, tokens, index, "prelogit", lm.card, lm.text)
        for index, row in enumerate(prelogits)
    )
    # one product for all positions, in the place of what each would compute when asked
    for state, logits in zip(states, lm.readout.uncapped(prelogits), strict=True):
        state.__dict__["uncapped_logits"] = logits
    return SteeredText(prompt, states, passes, start, max(_reach(*each) for each in streams))


def _at_readout(
    lm: LanguageModel, tokens: tuple[Token, ...], changes: dict[int | None, Change]
) -> tuple[Tensor, Tensor]:
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
    return prelogits, prelogits


def _reach(stream: Float[Tensor, "T d"], change: Change) -> float:
    """The coefficient at which a change is as long as what it changes, but for the first token."""
    states = (stream[1:] if len(stream) > 1 else stream).double()
    lengths, changes = states.norm(), change.of(states).norm()
    return float(lengths / changes) if changes > 0 else 0.0
