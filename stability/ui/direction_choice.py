"""A person's choice of a direction: a written form, two tokens, a vector that is given, or a turn."""

from dataclasses import dataclass

from stability.curvature.direction_spec import DirectionSpec


@dataclass(frozen=True)
class TokenPair:
    """The direction from one token to another, each as its spelled text or its id."""

    start: str
    end: str


@dataclass(frozen=True)
class Pasted:
    """A vector given on the page: a name, and the bytes of the file or of the text field.

    `entry` is the file's own name of the vector, where it holds several.
    """

    name: str
    data: bytes
    entry: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the vector is still to be given."""
        return not self.data.strip()


@dataclass(frozen=True)
class AtPath:
    """A vector in a file on the server, as `PATH` or `PATH#NAME`.

    `stamp` tells the file's versions apart; None as long as nobody has asked to read it, as a link may
    name any path.
    """

    path: str
    stamp: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the vector is still to be given."""
        return self.stamp is None


@dataclass(frozen=True)
class Turned:
    """A direction turned by some degrees towards the eigendirection of a rank, from 0."""

    direction: "DirectionChoice"
    degrees: float
    rank: int


DirectionChoice = DirectionSpec | TokenPair | Pasted | AtPath | Turned


def given_in(direction: DirectionChoice) -> Pasted | AtPath | None:
    """The vector that a person gives, turned or not; None for a direction of another kind."""
    if isinstance(direction, Turned):
        return given_in(direction.direction)
    return direction if isinstance(direction, Pasted | AtPath) else None
