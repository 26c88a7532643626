"""A direction as it stands in a link: as on the command line, but that tokens may be texts."""

import json
import re

from stability.curvature.direction_spec import (
    FORMS,
    MOST_TURNS,
    DirectionSpec,
    read_degrees,
    written_degrees,
)
from stability.errors import StabilityError
from stability.text import WHITE_SPACE
from stability.ui.choice import MOST_RANKS, MOST_SEEDS
from stability.ui.direction_choice import AtPath, DirectionChoice, Pasted, TokenPair, Turned
from stability.ui.link import differs
from stability.ui.link_fields import from_json
from stability.ui.server import may_name_paths

TURN = re.compile(r"turn:([^,:]*),(\d{1,9}),(.*)", re.DOTALL | re.ASCII)
# a vector that was uploaded or pasted, which is not part of a link
VECTOR = "vector"
LOST = "a vector of one's own is not part of it: upload it again."
# as the fields of tokens spell them
SPELLED = str.maketrans(WHITE_SPACE)


def written_direction(direction: DirectionChoice) -> str:
    """The text of a direction."""
    match direction:
        case Turned(start, degrees, rank):
            return f"turn:{written_degrees(degrees)},{rank},{written_direction(start)}"
        case TokenPair(start, end) if start.isdecimal() and end.isdecimal():
            return f"tokens:{start},{end}"
        case TokenPair(start, end):
            return "tokens:" + json.dumps([start, end], ensure_ascii=False)
        case Pasted():
            return VECTOR
        case AtPath(path):
            return f"file:{path}"
    return str(direction)


def read_direction(text: str, turns: int = 0) -> DirectionChoice:
    """The direction of a text; raises StabilityError where it is none."""
    if turn := TURN.fullmatch(text):
        if turns == MOST_TURNS:
            raise StabilityError(f"direction must have at most {MOST_TURNS} turns: shorten it.")
        degrees, rank = read_degrees(turn[1], text), int(turn[2])
        if rank >= MOST_RANKS:
            raise differs("direction", f"turned towards 0 to {MOST_RANKS - 1}", text, "eig:0")
        return Turned(read_direction(turn[3], turns + 1), degrees, rank)
    kind, _, argument = text.partition(":")
    if text == VECTOR:
        return Pasted("pasted vector", b"")
    if kind == "tokens" and argument.startswith("["):
        match from_json(argument):
            case [str(start), str(end)]:
                return TokenPair(start.translate(SPELLED), end.translate(SPELLED))
        raise differs("direction", FORMS["tokens"], text, "eig:0")
    if kind == "cheapest" and argument:
        return DirectionSpec(kind, argument.translate(SPELLED))
    if kind == "file" and may_name_paths():
        return AtPath(argument)
    if kind == "file":
        raise StabilityError(
            "direction must not name a file of this server, which others may see: upload the vector."
        )
    return _within(DirectionSpec.parse(text), text)


def _within(spec: DirectionSpec, text: str) -> DirectionChoice:
    most = {"eig": MOST_RANKS, "random": MOST_SEEDS, "covariance": MOST_SEEDS}.get(spec.kind)
    match spec.argument:
        case (start, end):
            return TokenPair(str(start), str(end))
        case int(argument) if most is not None and argument >= most:
            raise differs("direction", f"{spec.kind}:0 to {spec.kind}:{most - 1}", text, "eig:0")
    return spec
