"""The boundary where code of others is called: whatever it raises becomes one sentence."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

from stability.errors import StabilityError

# a failure in compiled code of tokenizers and safetensors, which is no Exception
PANIC = "PanicException"
# characters of another's message that are repeated
LONGEST_REASON = 200


@contextmanager
def foreign(doing: str, name: str, remedy: str = "choose another model") -> Iterator[None]:
    """Turn any exception of foreign code into one sentence; a StabilityError passes as it is.

    Args:
        doing: what is being done, capitalised, as in "Running".
        name: the model that it is done with.
        remedy: what to do when it fails.

    Raises:
        StabilityError: anything was raised but a StabilityError, or what ends a process.
    """
    try:
        yield
    except StabilityError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != PANIC:
            raise
        raise StabilityError(
            f"{doing} {name!r} must raise no error; received {reason(error)}: {remedy}."
        ) from error


def reason(error: BaseException) -> str:
    """Return an exception's type and the first line of its message."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    line = textwrap.shorten(lines[0], LONGEST_REASON, placeholder="…").rstrip(".:")
    return f"{type(error).__name__} ({line})"
