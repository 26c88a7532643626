"""Units of length, a state's own coordinates or parts of its norm; relative errors of lengths."""

from dataclasses import dataclass
from typing import Any, overload


@dataclass(frozen=True)
class Unit:
    """A unit of length: its name, and its own length in the state's coordinates.

    `symbol` is written behind each number, and begins with the space between the two.
    """

    name: str
    length: float
    symbol: str = ""

    @overload
    def count(self, length: float) -> float: ...
    @overload
    def count(self, length: None) -> None: ...
    def count(self, length: float | None) -> float | None:
        """A length in coordinates as a number of units; None where there is no such length."""
        return None if length is None else length / self.length


def relative_error(predicted: Any, actual: Any) -> Any:
    """The error of a predicted length as a part of the actual one, `predicted/actual − 1`."""
    return predicted / actual - 1


COORDINATES = Unit("units of the vector", 1.0)


def percent_of(norm: float) -> Unit:
    """Hundredths of the norm of a state's vector."""
    return Unit("% of ‖vector‖", norm / 100, " %")


def unit_of(norm: float, relative: bool) -> Unit:
    """The unit for lengths of a vector of this norm: per cent of the norm, or coordinates."""
    return percent_of(norm) if relative else COORDINATES
