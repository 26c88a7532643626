"""A steering vector in the passes that measure its dose: does it change the states as it should?

The formula is computed anew, in numpy and from the vector as it was given.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.models.language_model import LanguageModel
from stability.models.network_view import RecordingBlock, stream_of
from stability.prediction import distribution
from stability.steering.passes.intervention import SteeredBlock
from stability.steering.passes.steered_pass import SteeredPass
from stability.steering.passes.steered_text import SteeredText
from stability.vector_files.vector_file import PROJECT

Stream = Float[Tensor, "t d"]


def applied_error(
    text: SteeredText, vectors: Mapping[int | None, Float[ndarray, " d"]], mode: str
) -> float:
    """How far what leaves the changed blocks is from `h + c·v`, or `h − c·(h·d)d`, in parts of it.

    The largest at any changed block and position, of those too that stay as they are, with the change
    as long as the states. Infinite where a block is run more than once.
    """
    positions, errors = _positions(text), [0.0]
    for block, streams in changed_streams(text, text.reach).items():
        if len(streams) != 1:
            return np.inf
        [(before, after)] = streams
        expected = before.double().cpu().numpy()
        here = [position - text.first for position in positions]
        expected[here] += text.reach * _change(expected[here], vectors[block], mode)
        error = np.linalg.norm(after.double().cpu().numpy() - expected, axis=1)
        length = np.maximum(np.linalg.norm(expected, axis=1), np.finfo(float).tiny)
        errors.append(float((error / length).max()))
    return max(errors)


def _change(
    states: Float[ndarray, "n d"], vector: Float[ndarray, " d"], mode: str
) -> Float[ndarray, "n d"]:
    if mode != PROJECT:
        return np.broadcast_to(vector, states.shape)
    d = vector / np.linalg.norm(vector)
    return -np.outer(states @ d, d)


def _positions(text: SteeredText) -> tuple[int, ...]:
    """The positions that are changed."""
    steered = text.steered
    [change, *_] = (
        steered.changes.values() if isinstance(steered, SteeredPass) else [steered.change]
    )
    return tuple(range(len(text.states))) if change.positions is None else change.positions


def changed_streams(
    text: SteeredText, coefficient: float
) -> dict[int | None, list[tuple[Stream, Stream]]]:
    """What leaves each changed block, before and after the change, each time that it is run.

    By block, None for the readout, from the text's `first` position on: in a pass that its doses use.
    """
    steered, c = text.steered, torch.tensor([coefficient], dtype=torch.float64)
    c = c.to(text.states[0].vector.device)
    with torch.no_grad():
        if not isinstance(steered, SteeredPass):
            return {None: [(steered.prelogits, steered(c)[0])]}
        return dict(_recorded(steered, c))


def _recorded(
    steered: SteeredPass, c: Float[Tensor, " 1"]
) -> Iterator[tuple[int, list[tuple[Stream, Stream]]]]:
    recorded, stand_ins = steered.forward_pass, steered.stand_ins(c)
    named = list(recorded.blocks.items())
    before: dict[int, list[tuple[str, Any]]] = {block: [] for block in steered.changes}
    after: dict[int, list[tuple[str, Any]]] = {block: [] for block in steered.changes}
    for block in steered.changes:
        name, module = named[block]
        stand_in = stand_ins[name]
        if isinstance(stand_in, SteeredBlock):
            stand_in = stand_in.of(RecordingBlock(module, name, before[block]))
        else:
            before[block].append((name, recorded.block_outputs[block][None, steered.start :]))
        stand_ins[name] = RecordingBlock(stand_in, name, after[block])
    steered.run(stand_ins, 1)
    for block in steered.changes:
        pairs = zip(before[block], after[block], strict=True)
        yield block, [(stream_of(a)[0], stream_of(b)[0]) for (_, a), (_, b) in pairs]


def zero_divergence(lm: LanguageModel, text: SteeredText) -> float:
    """The largest KL(model's own ‖ steered with coefficient 0) at any position of a text, in nats."""
    with torch.no_grad():
        [own] = lm.network.logits(lm.network.ids(text.tokens)[None])
        vectors = text.vectors([0.0])[0]
    steered = lm.readout.logits(vectors.to(lm.readout.W_U))
    log_p, log_q = (distribution.log_probs(z) for z in (own[text.first :], steered))
    return float(distribution.kl(log_p, log_q).max())


def state_lengths(text: SteeredText) -> dict[int | None, float]:
    """The median length of the states at each changed block, but of the first token's."""
    steered = text.steered
    if isinstance(steered, SteeredPass):
        outputs = steered.forward_pass.block_outputs
        streams: dict[int | None, Tensor] = {block: outputs[block] for block in steered.changes}
    else:
        streams = {None: steered.prelogits}
    return {
        block: float((stream[1:] if len(stream) > 1 else stream).double().norm(dim=1).median())
        for block, stream in streams.items()
    }
