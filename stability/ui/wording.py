"""Numbers and findings in words: three significant digits, units always."""

import re
from typing import TYPE_CHECKING

import numpy as np

from stability.geometry.continuation import LEAST_KL
from stability.text import digits, spelled
from stability.units import COORDINATES, Unit, relative_error

if TYPE_CHECKING:  # views bring torch, and the first controls are drawn without it
    from stability.exact.flips import Flip
    from stability.geometry.continuation import Continuation
    from stability.geometry.depth import DepthCheck
    from stability.geometry.sensitivity import Sensitivity
    from stability.views.ray import RayView

WORDS = (
    (3e-4, "nobody would notice"),
    (3e-3, "a sampler would not notice"),
    (3e-2, "a careful reader of probabilities would notice"),
    (0.3, "other words begin to appear"),
    (1.2, "often another word"),
    (float("inf"), "a different distribution"),
)


def epsilon_words(epsilon: float) -> str:
    """What a divergence of so many nats feels like."""
    return next(words for limit, words in WORDS if epsilon <= limit)


def number(value: float | None) -> str:
    """Three significant digits, or a dash where there is no such value."""
    return "–" if value is None else digits(value).replace("-", "−")


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.3g} %"


def error(predicted: float, actual: float | None) -> str:
    """How far the closed form is from the truth."""
    if actual is None:
        return "too short: no boundary is reached"
    off = relative_error(predicted, actual)
    if abs(off) < 5e-4:
        return "right to 0.05 %"
    longer, direction = (1 + off, "long") if off > 0 else (1 / (1 + off), "short")
    if longer >= 2:
        return f"{longer:.2g} times too {direction}"
    return f"{100 * abs(off):.2g} % too {direction}"


def change(flip: "Flip | None", unit: Unit = COORDINATES) -> str:
    """Which token takes over, and where; the flip's own distance is in coordinates."""
    return f"{spelled(flip.text)} at {number(unit.count(flip.distance))}" if flip else "none"


def sensitivity(found: "Sensitivity", unit: Unit, epsilon: float) -> str:
    """What a position is like, for its token in the strip."""
    return (
        f"shortest radius {number(unit.count(found.radius(epsilon)))}, "
        f"certified ball {number(unit.count(found.certified_ball(epsilon)))}, "
        f"nearest flip {change(found.nearest_flip, unit)}, entropy {number(found.entropy)} nats"
    )


def plain(text: str) -> str:
    """The same text, with whatever Markdown would read as markup taken literally."""
    return re.sub(r"([\\`*_{}\[\]()#+.!|<>~:$-])", r"\\\1", text)


def code(text: str) -> str:
    """A token as code, spelled; a backtick inside needs a longer fence."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{spelled(text)}{pad}{fence}"


def verdict(view: "RayView", token: str) -> str:
    """The picture of a ray after a token, in one sentence for each of its two statements."""
    minus, plus = (
        f"{error(view.predicted, actual)} on the {sign} side"
        for actual, sign in zip(view.boundary, ("−", "+"), strict=True)
    )
    flips = [
        (flip.distance, sign, flip.text, boundary)
        for side, sign, boundary in zip(view.flips, ("−", "+"), view.boundary, strict=True)
        for flip in side[:1]
    ]
    start = (
        f"After {code(token)}, along {plain(view.label)}, the closed form is {minus} and {plus}."
    )
    if not flips:
        far = "" if view.certificate else " within five norms of the vector"
        return f"{start} The most likely token never changes along this line{far}."
    distance, sign, text, boundary = min(flips)
    place = "inside" if boundary is None or distance < boundary else "outside"
    return (
        f"{start} The most likely token changes to {code(text)} at {number(distance)}"
        f"{view.unit.symbol} on the {sign} side, {place} the stable region."
    )


def across(found: "DepthCheck") -> str:
    """How right the closed form is over all blocks, in one sentence."""
    errors = abs(found.errors[~np.isnan(found.errors)])
    missing = found.errors.size - len(errors)
    return (
        f"**In {int((errors <= 0.1).sum())} of {found.errors.size} cases (both sides of "
        f"{len(found.errors)} blocks) the closed form is within 10 % of the truth; the median error "
        f"is {percent(float(np.median(errors)))}.**"
        + (f" {missing} boundaries are not reached." if missing else "")
    )


GLOSSARY = """
- **vector**: what is pushed. At the site *prelogit* it is what the unembedding multiplies to get the
  next-token logits; at *final* and after a *block* it is the residual stream there. Lengths are in its
  own coordinates, or in per cent of its norm: numbers of different sites differ a hundredfold.
- **KL**, in nats: KL(original ‖ changed). What an observer loses on average per token who still
  expects the original prediction.
- **stable region**: all changes of the vector that keep KL below ε. **Boundary**: its edge along a
  direction; the − and the + side differ. Below the readout it is the first crossing, and may not be
  reached at all.
- **closed form**, predicted r: √(2ε / vᵀHv), where H is the Hessian of KL at the vector, so that
  KL ≈ ½ t² vᵀHv.
- **certified**: proved from two extreme slopes and the curvature, without searching for the edge; the
  **certified ball** holds for every direction at once.
- **calibrated**: four moments of the slopes, their ends and single tokens give a tighter bracket, as
  certain. On the page *Calibration*'s prompts, in the 200 brackets most nearly as wide, boundaries lay
  around the place that is shown, nine in ten of them in the range behind it; where the prediction is
  nearly certain, only some seven in ten.
- **flip**: where another token becomes the most likely one.
- **effective rank**: the exponential of the entropy of the eigenvalues shown, as shares.
- **trust range**: how far along the line the closed form stays within 10 % of the true KL.
- **κ₂, κ₃, κ₄**: the cumulants of the logit slopes, KL = κ₂t²/2 + κ₃t³/6 + κ₄t⁴/24 + …
- **token constraint bound**: a length that compares states (Liu et al., 2026), not a distance in nats.
"""


def written(text: "Continuation") -> str:
    """A continuation as text, its first token that differs underlined."""
    parts = [plain(token.text.replace("\n", "⏎")) for token in text.tokens]
    if text.first_difference is not None:
        parts[text.first_difference] = f"<u>**{parts[text.first_difference]}**</u>"
    return "".join(parts)


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
