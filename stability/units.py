"""Units of length, a state's own coordinates or parts of its norm; errors of lengths; counts."""

from dataclasses import dataclass
from typing import Any, overload


@dataclass(frozen=True)
class Unit:
    """What lengths are counted in: its name, and its own length in the state's coordinates."""

    name: str
    length: float
    symbol: str = ""  # behind each number

    @overload
    def count(self, length: float) -> float: ...
    @overload
    def count(self, length: None) -> None: ...
    def count(self, length: float | None) -> float | None:
        """How many units a length in coordinates is; None where there is no such length."""
        return None if length is None else length / self.length


def digits(value: float) -> str:
    """A number to three significant digits."""
    return f"{value:#.3g}".rstrip(".")


def counted(number: int, noun: str) -> str:
    """A number of things: "1 prompt", "2,000 prompts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def relative_error(predicted: Any, actual: Any) -> Any:
    """How much too long a predicted length is, as a part of the true one: `predicted/actual − 1`."""
    return predicted / actual - 1


COORDINATES = Unit("units of the vector", 1.0)


def percent_of(norm: float) -> Unit:
    """Hundredths of the norm of a state's vector."""
    return Unit("% of ‖vector‖", norm / 100, " %")


def unit_of(norm: float, relative: bool) -> Unit:
    """The unit for lengths of a vector of this norm: per cent of the norm, or coordinates."""
    return percent_of(norm) if relative else COORDINATES
