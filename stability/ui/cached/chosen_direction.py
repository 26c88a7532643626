"""The direction of a choice: as a vector at a state, in its written form, and as it would be typed."""

from contextlib import suppress

from stability.curvature import directions
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec, Turn
from stability.curvature.given_vector import from_file, pasted
from stability.curvature.spectrum import Spectrum
from stability.errors import StabilityError
from stability.models import LanguageModel
from stability.prediction.state import State
from stability.text import spelled
from stability.ui.direction_choice import AtPath, DirectionChoice, Pasted, TokenPair, Turned


def resolve(
    lm: LanguageModel, here: State, pairs: Spectrum, direction: DirectionChoice
) -> Direction:
    """The direction of a choice at a state."""
    match direction:
        case Pasted(name, data, entry):
            return pasted(here, data, name, entry)
        case AtPath(path):
            return from_file(here, path)
        case Turned(start, degrees, rank):
            return directions.turned(resolve(lm, here, pairs, start), pairs, degrees, rank)
    spec = spec_of(lm, direction)
    assert spec is not None
    return directions.resolve(spec, here, pairs, lm)


def spec_of(lm: LanguageModel, direction: DirectionChoice) -> DirectionSpec | None:
    """The written form of a direction; None for a vector that was given."""
    match direction:
        case TokenPair(start, end):
            return DirectionSpec("tokens", (lm.token_id(start), lm.token_id(end)))
        case DirectionSpec("cheapest", str(token)):
            return DirectionSpec("cheapest", lm.token_id(token))
        case Turned(start, degrees, rank):
            before = spec_of(lm, start)
            return before and DirectionSpec("turn", Turn(degrees, rank, before))
        case AtPath(path):
            return DirectionSpec("file", path)
        case Pasted():
            return None
    return direction


def typed(lm: LanguageModel, written: str) -> str:
    """The text by which a person would name the token of a written id; other text as it is.

    An id stays where the model reads its text as another token, or as several.
    """
    if not written.strip().isdecimal():
        return written
    with suppress(StabilityError):
        token = lm.token_id(written)
        text = spelled(lm.text(token))
        if lm.token_id(text) == token:
            return text
    return written
