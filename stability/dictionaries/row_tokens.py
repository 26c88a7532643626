"""The tokens of rows: as pushes and changes of the most likely token, and looked for by their text."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.dictionaries.slopes import SlopeLaws
from stability.exact.flips import Flip
from stability.geometry.push import Push
from stability.text import unspelled

Text = Callable[[int], str]


def pushes(
    ids: Int[ndarray, "2 k"], rates: Float[ndarray, "2 k"], text: Text
) -> tuple[tuple[Push, ...], tuple[Push, ...]]:
    """The tokens that were kept on either side, the fastest first."""
    minus, plus = (
        tuple(Push(rate, token, text(token)) for rate, token in zip(*side, strict=True) if token >= 0)
        for side in zip(rates.tolist(), ids.tolist(), strict=True)
    )
    return minus, plus


def first_flips(
    ids: Int[ndarray, " 2"], distances: Float[ndarray, " 2"], text: Text
) -> tuple[Flip | None, Flip | None]:
    """The first change on either side; None for none."""
    minus, plus = (
        Flip(distance, token, text(token)) if token >= 0 else None
        for distance, token in zip(distances.tolist(), ids.tolist(), strict=True)
    )
    return minus, plus


def strengths(laws: SlopeLaws, probs: Float[ndarray, " V"], ids: Int[ndarray, " m"]) -> ndarray:
    """How fast a row raises the logit of one of some tokens, `|a_c|` at most; 0 for those not kept.

    Of the tokens that were kept: those that gain most probability on either side, and those whose
    logits rise fastest.
    """
    p = probs[laws.pushed]
    rises = np.divide(laws.rates, p, out=np.zeros_like(laws.rates), where=laws.rates > 0)
    kept = np.concatenate([laws.pushed, laws.steepest], axis=2)
    found = np.where(np.isin(kept, ids), np.concatenate([rises, laws.rises], axis=2), 0.0)
    strongest: ndarray = found.max(axis=(1, 2))
    return strongest


def tokens_with(part: str, laws: SlopeLaws, text: Text) -> Int[ndarray, " m"]:
    """The tokens among those that were kept whose text has a part, in any case, `␣` for a space."""
    wanted = unspelled(part).casefold()
    kept = np.unique(np.concatenate([laws.pushed.ravel(), laws.steepest.ravel()]))
    return np.array([t for t in kept.tolist() if t >= 0 and wanted in text(t).casefold()], dtype=int)
