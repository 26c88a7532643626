"""A direction on the command line, whose tokens may be written as text: `tokens:␣Paris,␣the`."""

from typing import TYPE_CHECKING

from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError

if TYPE_CHECKING:
    from stability.models import LanguageModel


def require_form(written: str) -> None:
    """Raise StabilityError unless this is a direction's form, for which no model is needed."""
    if not _has_texts(written):
        DirectionSpec.parse(written)


def direction_of(lm: "LanguageModel", written: str) -> DirectionSpec:
    """The direction of a written form; raises StabilityError if a text is not one token."""
    if not _has_texts(written):
        return DirectionSpec.parse(written)
    kind, _, argument = written.partition(":")
    return DirectionSpec(kind, lm.token_id(argument) if kind == "cheapest" else _pair(lm, argument))


def _has_texts(written: str) -> bool:
    """Whether these are tokens, which only a tokenizer can tell."""
    return (written.startswith("tokens:") and "," in written) or written.startswith("cheapest:")


def _pair(lm: "LanguageModel", argument: str) -> tuple[int, int]:
    """The ids of two tokens with a comma between them; a comma may also be part of either."""
    commas = [place for place, letter in enumerate(argument) if letter == ","]
    for place in commas[1:]:
        try:
            return lm.token_id(argument[:place]), lm.token_id(argument[place + 1 :])
        except StabilityError:
            pass
    return lm.token_id(argument[: commas[0]]), lm.token_id(argument[commas[0] + 1 :])
