"""A steering vector in whole passes of the model: what it does to its block, and nothing at zero."""

import torch
from jaxtyping import Float
from numpy import ndarray

from stability.models.language_model import LanguageModel
from stability.models.network_view import RecordingBlock, stream_of
from stability.prediction import distribution
from stability.steering.intervention import SteeredBlock
from stability.steering.steered_pass import SteeredPass
from stability.steering.steered_text import SteeredText


def applied_change(
    lm: LanguageModel, steered: SteeredPass, coefficient: float, position: int
) -> Float[ndarray, " d"]:
    """How far what leaves the lowest changed block has moved at a position, in a whole pass."""
    block = min(steered.changes)
    recorded = steered.forward_pass
    name, module = list(recorded.blocks.items())[block]
    c = torch.full((1,), coefficient, dtype=torch.float64, device=recorded.ids.device)
    calls: list[tuple[str, object]] = []
    changed = SteeredBlock(module, steered.changes[block], c)
    with torch.no_grad():
        lm.network.prelogits(recorded.ids[None], {name: RecordingBlock(changed, name, calls)})
    [(_, output)] = calls
    moved = (
        stream_of(output)[0, position].double() - recorded.block_outputs[block][position].double()
    )
    return moved.cpu().numpy()


def zero_divergence(lm: LanguageModel, text: SteeredText) -> float:
    """The largest KL(model's own ‖ steered with coefficient 0) at any position of a text, in nats."""
    with torch.no_grad():
        [own] = lm.network.logits(lm.network.ids(text.tokens)[None])
        vectors = text.vectors([0.0])[0]
    steered = lm.readout.logits(vectors.to(lm.readout.W_U))
    log_p, log_q = (distribution.log_probs(z) for z in (own[text.first :], steered))
    return float(distribution.kl(log_p, log_q).max())
