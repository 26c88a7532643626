"""The tokens of rows: as pushes and changes of the most likely token, and looked for by their text."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from stability.dictionaries.slopes import SlopeLaws
from stability.exact.flips import Flip
from stability.geometry.push import PushedToken
from stability.prediction.state import State
from stability.text import unspelled

Text = Callable[[int], str]


def pushes(
    ids: Int[ndarray, "2 k"], rates: Float[ndarray, "2 k"], text: Text
) -> tuple[tuple[PushedToken, ...], tuple[PushedToken, ...]]:
    """The tokens that were kept on either side, the fastest first."""
    minus, plus = (
        tuple(
            PushedToken(rate, token, text(token))
            for rate, token in zip(*side, strict=True)
            if token >= 0
        )
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


def kept(laws: SlopeLaws) -> Int[ndarray, "n 2 k"]:
    """The tokens kept of every row: those that gain most probability, and the steepest."""
    return np.concatenate([laws.pushed, laws.steepest], axis=2)


def strengths(laws: SlopeLaws, state: State, ids: Int[ndarray, " m"]) -> Float[ndarray, " n"]:
    """How fast each row raises the logit of one of some tokens, `±a_c`; 0 if none of them was kept."""
    probs, gains = state.probs.cpu().numpy(), laws.rates > 0
    rises = np.divide(laws.rates, probs[laws.pushed], out=np.zeros_like(laws.rates), where=gains)
    of_these = np.isin(kept(laws), ids)
    strongest: ndarray = np.where(of_these, np.concatenate([rises, laws.rises], axis=2), 0.0)
    return strongest.max(axis=(1, 2))


def tokens_with(part: str, ids: Int[ndarray, "*n"], state: State) -> Int[ndarray, " m"]:
    """The tokens among some whose text has a part, in any case, with `␣` for a space."""
    wanted = unspelled(part).casefold()
    return np.array(
        [
            token
            for token in np.unique(ids).tolist()
            if token >= 0 and wanted in state.text(token).casefold()
        ],
        dtype=int,
    )
