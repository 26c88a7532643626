"""A network that says how far it is, and can be stopped between some points and the next."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from stability.models.progress import Report
from stability.prediction.above import Above

# vectors after which it is said how many have been run
TOGETHER = 64
MESSAGE = "Running the network at some thousand points"


@dataclass(eq=False)
class Reported:
    """The network above a site, of which about `expected` vectors are asked for."""

    above: Above
    expected: int
    report: Report
    done: int = field(default=0, init=False)

    @property
    def holds_weights(self) -> bool:
        """As of the network."""
        return self.above.holds_weights

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """The vectors after the final norm, for several vectors at the site."""
        outputs = []
        for part in vectors.split(TOGETHER):
            self.report(MESSAGE, self.done / self.expected)
            outputs.append(self.above(part))
            self.done += len(part)
        return torch.cat(outputs)

    @property
    def at_once(self) -> int:
        """How many vectors the network runs together."""
        return self.above.at_once

    def trajectory(self, vectors: Float[Tensor, "n d"]) -> tuple[Tensor, ...]:
        """The output of each block above, as the network gives it."""
        return self.above.trajectory(vectors)
