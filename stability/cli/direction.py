"""A direction on the command line, whose tokens may be written as text: `tokens:␣Paris,␣the`."""

from typing import TYPE_CHECKING

from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError

if TYPE_CHECKING:
    from stability.models import LanguageModel


def direction_of(lm: "LanguageModel", written: str) -> DirectionSpec:
    """The direction of a written form; raises StabilityError if a text is not one token."""
    kind, _, argument = written.partition(":")
    if kind != "tokens" or "," not in argument:
        return DirectionSpec.parse(written)
    return DirectionSpec(kind, _pair(lm, argument))


def _pair(lm: "LanguageModel", argument: str) -> tuple[int, int]:
    """The ids of two tokens with a comma between them; a comma may also be part of either."""
    commas = [place for place, letter in enumerate(argument) if letter == ","]
    for place in commas[1:]:
        try:
            return lm.token_id(argument[:place]), lm.token_id(argument[place + 1 :])
        except StabilityError:
            pass
    return lm.token_id(argument[: commas[0]]), lm.token_id(argument[commas[0] + 1 :])
