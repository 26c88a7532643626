"""Where the weights of a model lie: on one device, or with `auto` on all cards and in main memory.

All is computed on the first card, which reads weights from elsewhere as it uses them
(`weights_at_use`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stability.errors import StabilityError
from stability.models.foreign import foreign
from stability.models.head import unembedding_of
from stability.models.memory import free_on
from stability.models.precision import AUTO, WIDTHS, default_device, devices
from stability.models.requirements import SHARE_FOR_WEIGHTS, computing_memory, weights_of
from stability.models.weights_at_use import HALF
from stability.text import in_bytes

MAIN_MEMORY = "cpu"


def place(model: Any, name: str, device: str | None) -> torch.device:
    """Move a model's weights in place, and return the device that all is computed on.

    Args:
        model: the model, in main memory.
        name: it is called so in an error.
        device: as in torch; `auto` for as much on cards as they hold; None for the first card, or
            where there is none for the CPU.

    Returns:
        The device: with `auto` the first card, or where there is none the CPU.

    Raises:
        StabilityError: the device cannot be used, or with `auto` has no room to compute.
    """
    cards = [other for other in devices() if other != MAIN_MEMORY]
    is_spread = device == AUTO and bool(cards)
    first = default_device() if device in {None, AUTO} else str(device)
    with foreign(f"Moving to {first!r} the model", name, "use device='cpu'"):
        if not is_spread:
            model.to(first)
        else:
            move(model, placement(model, name, {card: free_on(card) for card in cards}), first)
    return torch.device(first)


def move(model: nn.Module, homes: Mapping[str, str], first: str) -> None:
    """Move each parameter, by name, to its home, and all buffers to the device that computes."""
    for name, weight in model.named_parameters():
        weight.data = weight.data.to(homes[name])
    for module in model.modules():
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = buffer.to(first)


def placement(model: Any, name: str, free: Mapping[str, int]) -> dict[str, str]:
    """Return the device of each parameter by name: the cards in order, main memory for the rest.

    A model that the first card holds lies there whole. Else it keeps room to compute, and cards are
    filled from the last block down: what is above a site is read for each product, what is below it for
    the prompt alone. accelerate's maps begin at the first block, and keep blocks whole for its hooks.

    Args:
        model: the model.
        name: it is called so in an error.
        free: bytes that each card has free; the first one computes.

    Returns:
        A key of `free`, or `cpu`, for each parameter.

    Raises:
        StabilityError: the first card has no room to compute.
    """
    first, weights = next(iter(free)), dict(model.named_parameters())
    room = {card: int(SHARE_FOR_WEIGHTS * size) for card, size in free.items()}
    computing = bytes_to_compute(model)
    room[first] -= computing
    if room[first] < 0:
        raise StabilityError(
            f"The first card must hold the readout and what is computed; {name!r} takes "
            f"{in_bytes(computing)} for these, and {first} has {in_bytes(free[first])} free: "
            "use device='cpu'."
        )
    if sum(weight.nbytes for weight in weights.values()) <= room[first]:
        return dict.fromkeys(weights, first)
    unembedding, homes = unembedding_of(model, name).weight, {}
    for key, weight in reversed(weights.items()):
        if weight is unembedding:
            # room is kept for `W_U`, which is this, or serves for it
            homes[key] = MAIN_MEMORY if weight.dtype in HALF else first
            continue
        homes[key] = next((card for card in room if room[card] >= weight.nbytes), MAIN_MEMORY)
        if homes[key] in room:
            room[homes[key]] -= weight.nbytes
    return homes


def bytes_to_compute(model: Any) -> int:
    """Bytes of the first card for the readout, buffers, a tensor that is read, and what is computed."""
    parts = model.get_input_embeddings(), model.get_output_embeddings()
    # an embedding is read row by row, and `W_U` is there
    others = {id(getattr(part, "weight", None)) for part in parts}
    read = [weight for weight in model.parameters() if id(weight) not in others]
    # as it has arrived, and in float32
    largest = max(weight.nbytes + WIDTHS["float32"] * weight.numel() for weight in read)
    buffers = sum(buffer.nbytes for buffer in model.buffers())
    return computing_memory(weights_of(w.shape for w in model.parameters())) + buffers + largest
