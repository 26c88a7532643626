"""What lies between a site and the readout, as a function of the vector at the site."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Above(Protocol):
    """The network between a site and the readout, at one position of one prompt."""

    @property
    def holds_weights(self) -> bool:
        """Whether its graph holds copies of weights, and is not to be kept between products."""
        ...

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """The vectors after the final norm, for several vectors at the site."""
        ...

    @property
    def at_once(self) -> int:
        """How many vectors to run together."""
        ...

    def trajectory(self, vectors: Float[Tensor, "n d"]) -> tuple[Tensor, ...]:
        """Vectors, the output of each block above, and the last of them after the final norm.

        As they are in the graph, a row for each vector, with axes of length one.
        """
        ...
