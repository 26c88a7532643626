"""Where long work lets other work go first, or ends: between products, and runs of a network."""

from collections.abc import Callable

# called before each of them; it may take its time, or raise an error
Pause = Callable[[], None]


def no_pause() -> None:
    """Go on at once."""
