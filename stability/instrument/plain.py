"""Results as JSON has them: lists, dictionaries, text and finite numbers."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
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


def rounded(values: ndarray, digits: int = 7) -> list[Any]:
    """An array as lists, to some significant digits."""
    flat = [float(f"{value:.{digits}g}") for value in values.ravel().tolist()]
    return plain(np.reshape(flat, values.shape))
