"""The exceptions whose messages are written for users."""

import os
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


@contextmanager
def opening(what: str, path: str | Path) -> Iterator[None]:
    """Turn a failure to open into one sentence that begins with `what`: "A dictionary"."""
    try:
        # a pipe or a device may never end
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            raise StabilityError(
                f"{what} must be a regular file; {str(path)!r:.300} is none: check the path."
            )
        yield
    except StabilityError:
        raise
    except (OSError, ValueError) as error:
        # a name with a NUL byte is a ValueError
        reason = reason_of(error) if isinstance(error, OSError) else "no file has such a name"
        raise StabilityError(
            f"{what} must be readable; {str(path)!r:.300} is not ({reason}): check the path."
        ) from error


def reason_of(error: Exception) -> str:
    """Why a file could not be had, without the number, the path and the bytes that Python repeats."""
    if isinstance(error, UnicodeError):
        return "it is no UTF-8 text"
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
