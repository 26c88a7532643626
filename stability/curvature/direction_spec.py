"""How a direction is written: `eig:0`, `random:1`, `tokens:5,7`, `prompt:TEXT`, `turn:30,1,eig:0`.

It is parsed once, where text comes in; everything else handles the parsed form. Kept apart from
`directions`, as the app and the command line need it before torch is imported.
"""

import re
from dataclasses import dataclass

from stability.errors import StabilityError

FORMS = {
    "eig": "eig:K",
    "random": "random:SEED",
    "covariance": "covariance:SEED",
    "tokens": "tokens:A,B",
    "cheapest": "cheapest:TOKEN",
    "prompt": "prompt:TEXT",
    "file": "file:PATH",
    "turn": "turn:DEGREES,K,SPEC",
}
# for people
NAMES = {
    "eig": "eigendirection",
    "random": "random",
    "covariance": "covariance-matched",
    "tokens": "token difference",
    "cheapest": "cheapest push",
    "prompt": "towards another prompt",
    "file": "vector",
    "turn": "turned direction",
}
NUMBERS = ("K", "N", "SEED", "TOKEN")  # placeholders of an argument that is a number
MOST_DIGITS = 18  # of a number: more do not fit in 64 bits
# times that a direction may be turned: a ray that is turned from eigendirection to eigendirection is
# one in the space of a few of them, and a longer text is a mistake
MOST_TURNS = 8
TURNS = re.compile("(?:turn:[^,:]*,[^,:]*,)*")
DEGREES = re.compile(r"[+-]?\d{1,3}(\.\d{1,12})?", re.ASCII)


@dataclass(frozen=True)
class DirectionSpec:
    """A direction as it is asked for: its kind, and what names one of that kind.

    The argument is a rank from 0 (`eig`), a seed (`random`, `covariance`), one or two token ids
    (`cheapest`, `tokens`), text (`prompt`, `file`), or a `Turn`: another direction that is
    turned in the plane it spans with an eigendirection. A turned direction may be turned again, as a
    ray is in a plane after another.
    """

    kind: str
    argument: "int | tuple[int, int] | str | Turn"

    @classmethod
    def parse(cls, text: str, forms: dict[str, str] = FORMS) -> "DirectionSpec":
        """Read the written form; raises StabilityError unless it is one of `forms`.

        >>> DirectionSpec.parse("tokens:5,7")
        DirectionSpec(kind='tokens', argument=(5, 7))
        """
        kind, _, argument = text.partition(":")
        if kind not in forms:
            raise StabilityError(
                f"A direction must be {enumerated(forms)}; received {text!r:.80}: try eig:0."
            )
        placeholder = forms[kind].partition(":")[2]
        if kind == "turn":
            return cls(kind, _turn(argument, text, forms))
        if placeholder == "A,B":
            a, _, b = argument.partition(",")
            return cls(kind, (_number(a, text), _number(b, text)))
        return cls(kind, _number(argument, text) if placeholder in NUMBERS else argument)

    def __str__(self) -> str:
        """The written form."""
        argument = self.argument
        written = ",".join(map(str, argument)) if isinstance(argument, tuple) else argument
        return f"{self.kind}:{written}"

    @property
    def rank(self) -> int | None:
        """The rank of an eigendirection, from 0; None for another kind."""
        return self.argument if self.kind == "eig" and isinstance(self.argument, int) else None

    @property
    def label(self) -> str:
        """The name for people: eigendirections count from 1, and tokens go by their ids."""
        match self:
            case DirectionSpec("eig", int(rank)):
                return eigendirection(rank)
            case DirectionSpec("random" | "covariance", int(seed)):
                return f"{NAMES[self.kind]}, seed {seed}"
            case DirectionSpec("tokens", (a, b)):
                return f"{NAMES[self.kind]}, id {a} → id {b}"
            case DirectionSpec("cheapest", int(token)):
                return f"{NAMES[self.kind]} to id {token}"
            case DirectionSpec("turn", Turn(degrees, rank, start)):
                return turned_label(start.label, degrees, rank)
        return str(self)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks of all eigendirections that it names."""
        if isinstance(self.argument, Turn):
            return (self.argument.rank, *self.argument.start.ranks)
        return () if self.rank is None else (self.rank,)

    @property
    def seed(self) -> int | None:
        """The seed from which it, or the direction that is turned, is drawn; None of another kind."""
        match self:
            case DirectionSpec("random" | "covariance", int(seed)):
                return seed
            case DirectionSpec("turn", Turn(start=start)):
                return start.seed
        return None

    @property
    def turns(self) -> int:
        """How many times it is turned."""
        return 1 + self.argument.start.turns if isinstance(self.argument, Turn) else 0

    def turned(self, degrees: float, rank: int) -> "DirectionSpec":
        """The same turned towards an eigendirection; raises StabilityError beyond `MOST_TURNS`."""
        _require_turns(self.turns + 1)
        # nothing is left of an angle that has been turned back
        return DirectionSpec("turn", Turn(round(degrees, 9) + 0.0, rank, self))


@dataclass(frozen=True)
class Turn:
    """By how many degrees a direction is turned, towards the eigendirection of which rank, from 0."""

    degrees: float
    rank: int
    start: DirectionSpec

    def __str__(self) -> str:
        return f"{written_degrees(self.degrees)},{self.rank},{self.start}"


def written_degrees(degrees: float) -> str:
    """Degrees as `read_degrees` reads them, without an exponent."""
    return f"{degrees:.12f}".rstrip("0").rstrip(".")


def read_degrees(written: str, text: str) -> float:
    """The degrees that a direction's text has; raises StabilityError unless they are within a turn."""
    if not DEGREES.fullmatch(written.strip()) or abs(float(written)) > 360:
        raise StabilityError(
            f"A direction must be turned by at most 360 degrees, towards an eigendirection; received "
            f"{text!r:.80}: try turn:30,1,eig:0."
        )
    return float(written)


def eigendirection(rank: int) -> str:
    """The name for people of the eigenvector of a rank, which counts from 0."""
    return f"eigendirection {rank + 1}"


def turned_label(start: str, degrees: float, rank: int) -> str:
    """The name for people of a turned direction, given that of the one that is turned."""
    angle = f"{degrees:.4g}".replace("-", "−")
    return f"{start}, turned by {angle}° towards {eigendirection(rank)}"


def enumerated(forms: dict[str, str] = FORMS) -> str:
    """All written forms in a sentence: "eig:K, random:SEED, … or file:PATH"."""
    *others, last = forms.values()
    return f"{', '.join(others)} or {last}"


def _require_turns(turns: int) -> None:
    if turns > MOST_TURNS:
        raise StabilityError(
            f"A direction may be turned {MOST_TURNS} times at most; received {turns} turns: begin with "
            "another direction."
        )


def _turn(argument: str, text: str, forms: dict[str, str]) -> Turn:
    degrees, _, rest = argument.partition(",")
    rank, _, start = rest.partition(",")
    by = read_degrees(degrees, text)
    turns = TURNS.match(text)
    _require_turns(turns[0].count(":") if turns else 0)
    return Turn(by, _number(rank, text), DirectionSpec.parse(start, forms))


def _number(argument: str, text: str) -> int:
    digits = argument.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS):
        raise StabilityError(
            f"A direction's numbers must be whole and not negative; received {text!r:.80}: try eig:0, "
            f"random:0 or tokens:5,7, with at most {MOST_DIGITS} digits."
        )
    return int(digits)
