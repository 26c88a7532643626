"""The exceptions whose messages are written for users."""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class StabilityError(ValueError):
    """An error whose message states the invariant, the value received and the remedy.

    >>> import numpy as np, stability
    >>> stability.bare_state(np.eye(3), np.zeros(3)).most_likely(0)
    Traceback (most recent call last):
    stability.errors.StabilityError: A number of tokens to rank must be a whole number of at least 1; \
received 0: try 10.
    """


class StoppedError(StabilityError):
    """Work has ended because it was asked to, not because it cannot be done."""


@contextmanager
def writing(what: str, path: Path) -> Iterator[None]:
    """Turn a failure to write into one sentence that begins with `what`: "A page needs a folder"."""
    try:
        yield
    except OSError as error:
        raise StabilityError(
            f"{what} that can be written; {str(path)!r} is not ({reason_of(error)}): choose another."
        ) from error


def reason_of(error: Exception) -> str:
    """Why a file could not be had, without the number and the path that Python repeats."""
    return str(getattr(error, "strerror", None) or error)


def require_distinct(things: Iterable[Hashable], what: str) -> None:
    """Raise StabilityError where a list names a thing twice; in it they go by `what`, in the plural."""
    known = set()
    for thing in things:
        if thing in known:
            raise StabilityError(
                f"{what} must be named once each; received {thing!r:.60} twice: leave one out."
            )
        known.add(thing)
