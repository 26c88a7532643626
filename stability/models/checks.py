"""Checks of a model's output and precision, before anything is concluded from them."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from stability.errors import StabilityError
from stability.models.forward_pass import ForwardPass, run_forward
from stability.models.network_above import NetworkAbove
from stability.prediction.provenance import ModelCard, Token

# relative error of the network above a block; float32 rounds each step
AGREEMENT = 1e-4


def require_finite(
    output: Float[Tensor, "*shape"], model: PreTrainedModel, card: ModelCard
) -> None:
    """Raise StabilityError if a model's output has NaN or infinite values, and say why it may."""
    bad = int((~output.isfinite()).sum())
    if not bad:
        return
    damaged = any(weight.isnan().any() for weight in model.parameters())
    overflown = card.dtype != "float32" and not damaged
    raise StabilityError(
        f"A model's output must be finite; {card.name} in {card.dtype} gives {bad} "
        f"NaN or infinite values of {output.numel()}: "
        + ("load it in float32." if overflown else "its weights are damaged, get a clean copy.")
    )


def require_float32(card: ModelCard) -> None:
    """Raise StabilityError for a model in half precision, whose rounding drowns small divergences."""
    if card.dtype != "float32":
        raise StabilityError(
            f"Sites below the final norm need float32; {card.name} is in "
            f"{card.dtype}: load it in float32, or use site 'prelogit'."
        )


def checked_forward_pass(
    model: PreTrainedModel, card: ModelCard, tokens: Sequence[Token], blocks: Iterable[int]
) -> ForwardPass:
    """Run a prompt through a model, and check that the network above each of `blocks` reproduces it.

    Raises StabilityError in half precision, for output that is not finite, and for an architecture
    whose blocks need more than the vector before them.
    """
    require_float32(card)
    ids = torch.tensor([token.id for token in tokens], device=model.device)
    forward_pass = run_forward(model.base_model, ids)
    require_finite(forward_pass.prelogits, model, card)
    for block in blocks:
        error = _error_above(forward_pass, block)
        if not error <= AGREEMENT:
            raise StabilityError(
                f"The blocks above a site must give the model's own output to {AGREEMENT:g}; "
                f"those of {card.name!r} ({type(model).__name__}) are off by "
                f"{error:.1e}: this architecture is supported at site 'prelogit' only."
            )
    return forward_pass


def _error_above(forward_pass: ForwardPass, block: int) -> float:
    """Relative error of the network above a block, at the last position of the recorded prompt."""
    network = NetworkAbove(forward_pass, len(forward_pass.ids) - 1, block)
    with torch.no_grad():
        [output] = network(forward_pass.block_outputs[block][-1:])
    expected = forward_pass.prelogits[-1]
    return float((output - expected).norm() / expected.norm())
