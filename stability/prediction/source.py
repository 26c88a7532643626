"""The protocols by which the mathematics asks a language model for states."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from stability.prediction.conversation import PromptLike
from stability.prediction.pause import Pause, no_pause
from stability.prediction.readout import Readout
from stability.prediction.state import State


@runtime_checkable
class Source(Protocol):
    """Where the other states come from that a direction may need."""

    def capture(self, prompt: PromptLike, position: int = -1, site: str = "prelogit") -> State:
        """The state at one position of a prompt."""
        ...

    def background(self, site: str, pause: Pause = no_pause) -> Float[Tensor, "n d"]:
        """Vectors of many states at a site, to draw covariance-matched directions from.

        `pause` is called between runs of the network.
        """
        ...


class Model(Source, Protocol):
    """A language model, as a sweep over many prompts uses it."""

    @property
    def readout(self) -> Readout:
        """The map from the vector after the final norm to the logits."""
        ...

    def block(self, site: str) -> int | None:
        """The block whose output a site is, None at `prelogit`; raises StabilityError if none."""
        ...

    def capture_all(self, prompt: PromptLike, site: str = "prelogit") -> tuple[State, ...]:
        """The state at every position of a prompt."""
        ...
