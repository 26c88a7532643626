"""Predictions of a model against those of the same model in other precisions."""

import copy

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedModel

from stability.errors import StabilityError
from stability.models.comparisons import Comparison
from stability.models.foreign import foreign
from stability.models.language_model import LanguageModel
from stability.models.memory import free_on
from stability.models.network import Network
from stability.prediction import distribution
from stability.text import in_bytes

# nats, between float32 and float64; 4e-11 was measured on SmolLM2
ROUNDED = 1e-6


def name_of(dtype: str) -> str:
    """What is compared with a model in another precision."""
    return f"predictions against the same model in {dtype}"


def precision_comparison(lm: LanguageModel, ids: Int[Tensor, "1 n"], dtype: str) -> Comparison:
    """Compare the predictions after each token of a text with those of a copy in another precision.

    Args:
        lm: the model.
        ids: the text.
        dtype: of the copy. Only float64 has a limit: by how much half precision is off is told, also
            for weights that are held in it.

    Returns:
        The comparison.

    Raises:
        StabilityError: the memory at hand does not hold the copy, or the model's code fails in that
            precision.
    """
    _require_room(lm, dtype)
    with foreign("Converting", lm.card.name, "compare it in its own precision alone"):
        model = copy.deepcopy(lm.model).to(lm.network.device, getattr(torch, dtype))
        # products of all experts at once know float32 at most
        model.set_experts_implementation("eager")
    with torch.inference_mode():
        log_p, log_q = (
            distribution.log_probs(network.logits(ids.to(lm.network.device))[0].double())
            for network in (lm.network, Network(model, lm.card))
        )
    return Comparison(
        name=name_of(dtype),
        error=float(distribution.kl(log_q, log_p).max()),
        limit=ROUNDED if dtype == "float64" else None,
        unit="nats",
        demand=f"In {dtype} the model must predict the same",
        remedy="its numbers are no better than that",
    )


def memory_of_copy(model: PreTrainedModel, dtype: str) -> int:
    """Bytes that a copy in another precision takes at most."""
    # it is made in the model's own precision first, and then each tensor is replaced
    width = getattr(torch, dtype).itemsize
    tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}.values()
    sizes = [(tensor.numel() * tensor.itemsize, tensor.numel() * width) for tensor in tensors]
    largest = max(after for _, after in sizes)
    return sum(max(before, after) for before, after in sizes) + largest


def _require_room(lm: LanguageModel, dtype: str) -> None:
    needed, free = memory_of_copy(lm.model, dtype), free_on(str(lm.network.device))
    if needed > free:
        raise StabilityError(
            f"A copy of a model must fit into the memory at hand; {lm.card.name!r} in {dtype} takes "
            f"{in_bytes(needed)}, and {in_bytes(free)} are free: check it on a larger computer."
        )
