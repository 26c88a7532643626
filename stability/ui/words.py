"""Numbers and findings in words: three significant digits, units always."""

from typing import TYPE_CHECKING

from stability.figures.style import spelled

if TYPE_CHECKING:  # views bring torch, and the first controls are drawn without it
    from stability.views import RayView

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
    return "–" if value is None else f"{value:#.3g}"


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.3g} %"


def error(predicted: float, actual: float) -> str:
    """How far the closed form is from the truth."""
    share = 100 * (predicted / actual - 1)
    if abs(share) < 0.05:
        return "right to 0.05 %"
    return f"{abs(share):.2g} % too {'long' if share > 0 else 'short'}"


def verdict(view: "RayView") -> str:
    """The picture of a ray in one sentence for each of its two statements."""
    minus, plus = (
        f"{error(view.predicted, actual)} on the {sign} side"
        for actual, sign in zip(view.boundary, ("−", "+"), strict=True)
    )
    flips = [
        (flip.distance, sign, flip.text, boundary)
        for side, sign, boundary in zip(view.flips, ("−", "+"), view.boundary, strict=True)
        for flip in side[:1]
    ]
    start = f"Along {view.label} the closed form is {minus} and {plus}."
    if not flips:
        return f"{start} The most likely token never changes along this line."
    distance, sign, text, boundary = min(flips)
    place = "inside" if distance < boundary else "outside"
    return (
        f"{start} The most likely token changes to `{spelled(text)}` at {number(distance)} on the "
        f"{sign} side, {place} the stable region."
    )
