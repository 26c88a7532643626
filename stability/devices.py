"""How much of a long array is worked on at once: on a processor little, on a card what it can hold."""

from functools import lru_cache

import torch

IN_CACHE, IN_MEMORY = 2**17, 2**22  # numbers, on a processor
# bytes of a card for each number, so that it takes a tenth of the card with all that is made of it
SHARE_OF_CARD = 2**10


@lru_cache
def _numbers_of_card(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).total_memory) // SHARE_OF_CARD


def rows_at_once(device: torch.device, row: int, on_processor: int = IN_MEMORY) -> int:
    """How many rows of so many numbers to hold together: on a card each part costs launches."""
    numbers = _numbers_of_card(device) if device.type == "cuda" else on_processor
    return max(numbers // max(row, 1), 1)
