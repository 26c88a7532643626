"""Results as JSON has them: lists, dictionaries, text and finite numbers."""

import math
from collections.abc import Mapping
from typing import Any

from numpy import generic, ndarray


def plain(value: Any) -> Any:
    """Turn arrays into lists; None stands for a number that is not finite."""
    if isinstance(value, ndarray | generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
