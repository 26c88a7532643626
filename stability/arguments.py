"""Arguments as users give them: real numbers or one sentence that says what is wrong."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from stability.errors import StabilityError, require_distinct

LEAST_NATS, MOST_NATS = 1e-290, 1e12  # beyond, squares leave the range of float64, or its digits
MOST = 10**18  # whole numbers; more do not fit in 64 bits
LONGEST = 1e150  # coordinates; the square of more overflows


def real_array(values: Any, what: str) -> Float[ndarray, "*n"]:
    """Numbers, or an array, a list or a tensor of them, in float64.

    Raises StabilityError, in which they go by `what`, if they are text, complex, dates or nothing.
    """
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values.numpy()
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and not any(x is None for x in array.flat):
            array = array.astype(float)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise _not_real(what, values) from error
    if array.dtype.kind not in "biuf":
        raise _not_real(what, values)
    return array.astype(float)


def _not_real(what: str, received: Any) -> StabilityError:
    return StabilityError(f"{what} must be real numbers; received {_shown(received)}: give those.")


def _shown(received: Any) -> str:
    """A value in one line of a sentence."""
    try:
        plain = received.item() if isinstance(received, np.generic) else received
        return " ".join(repr(plain).split())[:80]
    except ValueError:  # whole numbers of thousands of digits are not written out
        return "a number of thousands of digits"


def finite_array(values: Any, what: str, axes: int = 1) -> Float[ndarray, "*n"]:
    """The same, each of them finite, along as many axes; any for −1, and a number counts as a row."""
    array = real_array(values, what)
    array = np.atleast_1d(array) if axes == 1 else array
    if axes >= 0 and array.ndim != axes:
        raise StabilityError(
            f"{what} must be numbers in a row; received an array of shape {array.shape}: flatten it."
        )
    bad = int((~(np.abs(array) <= LONGEST)).sum())
    if bad:
        raise StabilityError(
            f"{what} must be finite, and at most {LONGEST:g}; {bad} of {array.size} are NaN or "
            "beyond: leave those out."
        )
    return array


def nats(epsilon: Any) -> float:
    """A divergence as a float; raises StabilityError unless it is positive, not tiny, and not huge."""
    try:
        given = real_array(epsilon, "Epsilon")
    except StabilityError:
        given = np.array(np.nan)
    if given.ndim or not LEAST_NATS <= given <= MOST_NATS:
        raise StabilityError(
            f"Epsilon must be a positive number of nats; received {_shown(epsilon)}: try 0.01, and no "
            f"more than {MOST_NATS:g} or less than {LEAST_NATS:g}."
        )
    return float(given)


def levels(epsilons: Any) -> Float[ndarray, " m"]:
    """Divergences as an array; raises StabilityError unless each is one that `nats` takes."""
    given = np.atleast_1d(real_array(epsilons, "Epsilons"))
    if not given.size:
        raise StabilityError("There must be an epsilon at least; received none: give [0.01].")
    return np.array([nats(epsilon) for epsilon in given], dtype=float)


def distinct_levels(epsilons: Any) -> Float[ndarray, " m"]:
    """The same; raises StabilityError for one that is given twice, too."""
    given = levels(epsilons)
    require_distinct(given.tolist(), "Epsilons")
    return given


def whole(value: Any, what: str, least: int = 1, example: int = 10) -> int:
    """A whole number as an int; raises StabilityError unless it is one, from `least` to `MOST`."""
    is_whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_whole or not least <= value <= MOST:
        raise StabilityError(
            f"{what} must be a whole number of at least {least}; received {_shown(value)}: try "
            f"{example}."
        )
    return int(value)


def positive(value: Any, what: str, example: float = 0.1) -> float:
    """A positive number as a float; raises StabilityError unless it is one, and finite."""
    given = real_array(value, what)
    if given.ndim or not LEAST_NATS < given <= LONGEST:
        raise StabilityError(
            f"{what} must be positive, and finite; received {_shown(value)}: try {example:g}."
        )
    return float(given)


def token_ids(tokens: Any, V: int) -> Int[ndarray, " m"]:
    """Ids of tokens of a vocabulary of `V`, of all for a slice of them.

    Raises StabilityError unless each is a row of `W_U`.
    """
    if isinstance(tokens, slice):
        return np.arange(V)[tokens]
    ids = np.atleast_1d(real_array(tokens, "Token ids"))
    if ids.ndim > 1 or not ((ids >= 0) & (ids < V) & (ids == np.floor(ids))).all():
        raise StabilityError(
            f"Token ids must be whole, and between 0 and {V - 1}; received {_shown(tokens)}: look them "
            "up with `lm.tokenize`."
        )
    return ids.astype(int)
