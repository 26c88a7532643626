"""The truth along a line and in a plane, exact or numerical: what both ways offer alike."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from numpy import ndarray

from stability.exact.boundaries import Boundaries
from stability.exact.cells import Cell, Extent
from stability.exact.flips import Flip


@runtime_checkable
class LineTruth(Protocol):
    """The truth along both sides of a line; distances are in coordinates, divergences in nats."""

    def kl(self, t: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """The divergence at points of the line."""
        ...

    @property
    def resolution(self) -> float:
        """The least `ε`, in nats, whose boundary rounding of the network does not hide."""
        ...

    def boundaries(self, epsilon: Float[ndarray, " m"]) -> Boundaries:
        """Where the divergence first reaches every `ε`, (minus, plus), and how."""
        ...

    def probabilities(
        self, t: Float[ndarray, " n"], tokens: Int[ndarray, " m"]
    ) -> Float[ndarray, "m n"]:
        """Probabilities of tokens at points of the line."""
        ...

    def flips(self, limit: int) -> tuple[list[Flip], list[Flip]]:
        """The argmax changes on the minus and on the plus side, in order of distance."""
        ...

    def trust_range(self, tolerance: float) -> tuple[float | None, float | None]:
        """The first distance of each side at which the quadratic is off by `tolerance` of the KL."""
        ...


@runtime_checkable
class PlaneTruth(Protocol):
    """The truth in a plane, in its own coordinates."""

    def boundary(self, epsilon: float, angles: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        """Distance at which the divergence first reaches `ε`, by angle: see `Boundaries`."""
        ...

    def kl(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """The divergence at points of the plane."""
        ...

    def kl_grid(self, x: Float[ndarray, " n"], y: Float[ndarray, " m"]) -> Float[ndarray, "m n"]:
        """The divergence on a grid, rows by `y`."""
        ...

    def argmax(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Int[ndarray, "*n"]:
        """The most likely token at points of the plane."""
        ...

    def cells(self, extent: Extent) -> list[Cell]:
        """The argmax cells in view, as polygons."""
        ...
