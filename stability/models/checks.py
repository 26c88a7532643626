"""Checks of a model's output, before anything is concluded from them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedModel

from stability.errors import StabilityError
from stability.models.forward_pass import ForwardPass, run_forward
from stability.models.network import Network
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


def checked_forward_pass(
    network: Network, tokens: Sequence[Token], places: Sequence[tuple[int, int]]
) -> ForwardPass:
    """Run a prompt through a network, and check that the network above each place reproduces it.

    `places` are (position, block). Of the positions of a block, the first, the middle and the last are
    checked. Earlier tokens are read from what they have left in a cache, or from the whole prompt
    where the model keeps no cache that reproduces its output.

    Raises StabilityError for output that is not finite, and for an architecture whose blocks need more
    than the vector before them.
    """
    ids = network.ids(tokens)
    try:
        return _checked(run_forward(network, ids), places)
    except StabilityError:
        return _checked(run_forward(network, ids, cached=False), places)


def _checked(forward_pass: ForwardPass, places: Sequence[tuple[int, int]]) -> ForwardPass:
    network = forward_pass.network
    require_finite(forward_pass.prelogits, network.model, network.card)
    for block in dict.fromkeys(block for _, block in places):
        positions = [position for position, other in places if other == block]
        for position in {positions[0], positions[len(positions) // 2], positions[-1]}:
            error = _error_above(NetworkAbove(forward_pass, position, block))
            if not error <= AGREEMENT:
                raise StabilityError(
                    f"The blocks above a site must give the model's own output to {AGREEMENT:g}; "
                    f"those of {network.card.name!r} ({type(network.model).__name__}) are off by "
                    f"{error:.1e}: this architecture is supported at site 'prelogit' only."
                )
    return forward_pass


def _error_above(above: NetworkAbove) -> float:
    """Relative error of the network above a block, given the vector that was recorded there."""
    forward_pass, position = above.forward_pass, above.position
    with torch.no_grad():
        [output] = above(forward_pass.block_outputs[above.block][position][None])
    expected = forward_pass.prelogits[position]
    return float((output - expected).norm() / expected.norm())
