"""Numbers and findings in words: three significant digits, units always."""

import re
from typing import TYPE_CHECKING

import numpy as np

from stability.errors import StabilityError
from stability.geometry.continuation import LEAST_KL
from stability.text import WHITE_SPACE, digits, in_nats, printable, spelled, whole
from stability.units import relative_error
from stability.vector_files.unsettled import UnsettledError

if TYPE_CHECKING:  # views bring torch, and the first controls are drawn without it
    from collections.abc import Sequence

    from stability.geometry.continuation import Continuation
    from stability.geometry.depth_check import DepthCheck

WORDS = (
    (3e-4, "nobody would notice"),
    (3e-3, "a sampler would not notice"),
    (3e-2, "a careful reader of probabilities would notice"),
    (0.3, "other words begin to appear"),
    (1.2, "often another word"),
    (float("inf"), "a different distribution"),
)
# what a person does on a page where the library asks for an argument
REMEDIES = {
    "vector": "choose in the side bar which vector of it is meant",
    "site": "choose in the side bar where it is applied",
    "site and vector": "choose in the side bar which vector of it is meant, and where it is applied",
    "site or vector": "choose in the side bar one of its sites, or which vector of it is meant",
}
# without width: it keeps signs apart, and nothing else
WORD_JOINER = "\u2060"
NO_BREAK_SPACE = "\u00a0"


def epsilon_words(epsilon: float) -> str:
    """How a reader would notice a divergence of so many nats."""
    return next(words for limit, words in WORDS if epsilon <= limit)


def nats(epsilon: float) -> str:
    """A budget with its unit: it may be any, not only a step of a slider."""
    return in_nats(f"{epsilon:.3g}")


def number(value: float | None) -> str:
    """Three significant digits, or a dash where there is no such value."""
    return "–" if value is None else digits(value).replace("-", "−")


def boundary(distance: float | None, symbol: str = "", kind: str = "reached") -> str:
    """The distance of a boundary with the symbol of its unit, or why there is none."""
    if distance is None:
        return "lost in rounding" if kind == "unresolved" else "not reached"
    return number(distance) + symbol + (" (a jump)" if kind == "jump" else "")


def percent(share: float | None) -> str:
    """A share in per cent, or a dash where there is none."""
    return "–" if share is None else f"{number(100 * share)} %"


def error(predicted: float, actual: float | None, kind: str = "reached") -> str:
    """How far the closed form is from the truth."""
    if actual is None and kind == "unresolved":
        return "not to be compared: rounding of the network hides so small an ε"
    if actual is None:
        return "too short: no boundary is reached"
    off = relative_error(predicted, actual)
    if abs(off) < 5e-4:
        return "right to 0.05 %"
    longer, direction = (1 + off, "long") if off > 0 else (1 / (1 + off), "short")
    if longer >= 2:
        return f"{number(longer)} times too {direction}"
    return f"{percent(abs(off))} too {direction}"


def refusal(error: StabilityError) -> str:
    """Why something could not be done, and what to do about it on a page."""
    if isinstance(error, UnsettledError):
        return f"{error.problem}: {REMEDIES[error.wanted]}."
    return str(error)


def plain(text: str) -> str:
    """Escape text so that Markdown, and what Streamlit adds to it, shows all of it."""
    return literal(printable(text))


def literal(text: str) -> str:
    """Escape text whose every character may be drawn as it is, as that of this program."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|<>~:$&-])", r"\\\1", _unjoined(text))


def code(text: str) -> str:
    """Spell a token as code, between more backticks than it has in a row."""
    shown = _unjoined(spelled(text))
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _unjoined(text: str) -> str:
    """Part by an invisible character what Streamlit makes an arrow, a dash or an icon of."""
    return re.sub(r"(?<=[-<>=])(?=[-<>=])|(?<=:)(?=material/|streamlit:)", WORD_JOINER, text)


def depth_check(check: "DepthCheck") -> str:
    """How right the closed form is over all blocks, in one sentence."""
    missing, hidden = (int(lost(check.actual).sum()) for lost in (np.isinf, np.isnan))
    return (
        f"**In {check.count_within_a_tenth} of {check.errors.size} cases (both sides of "
        f"{len(check.errors)} blocks) the closed form is within 10 % of the truth; the median error "
        f"is {percent(check.median_error)}.**"
        + (f" Not reached: {missing}." if missing else "")
        + (f" Lost in rounding: {hidden}." if hidden else "")
    )


def written(text: "Continuation") -> str:
    """A continuation as text, its first token that differs marked."""
    texts, first = [token.text for token in text.tokens], text.first_difference
    shown = _prose(texts)
    if first is not None:
        differing = _prose(texts[first : first + 1])
        rest = _prose(texts[first + 1 :])
        shown = f"{_prose(texts[:first])}:orange-background[{differing}]{rest}"
    # HTML would draw the spaces of an indentation as one
    return re.sub(f" (?= )|(?<={WHITE_SPACE[chr(10)]}) ", NO_BREAK_SPACE, shown)


def _prose(texts: "Sequence[str]") -> str:
    """Tokens as running text: characters whole, and of white space only the spaces as they are."""
    return plain("".join(c if c == " " else WHITE_SPACE.get(c, c) for c in whole("".join(texts))))


def steps(text: "Continuation") -> str:
    """How far each step's prediction is from that of the unperturbed text."""
    if not text.distance:
        return "as the model writes it"
    first = (
        "the same text"
        if text.first_difference is None
        else f"differs from token {text.first_difference + 1} on"
    )
    largest = max(text.kl)
    return (
        f"{first}; KL {number(text.kl[0]) if text.kl[0] >= LEAST_KL else '0'} nats at the first step, "
        f"at most {number(largest) if largest >= LEAST_KL else '0'}"
    )
