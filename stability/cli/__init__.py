"""The command line: `python -m stability analyze PROMPT`, `sweep`, `reproduce`, `bench`.

Results go to standard output and nothing else does; progress and errors go to standard error. Bad
input ends with one line there and exit status 2.
"""

import os
import sys
from collections.abc import Sequence

from stability.cli.parser import fail, parser
from stability.errors import StabilityError

# before torch is imported: waiting threads must not spin
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# 128 and the signal's number, as a shell reports them
INTERRUPTED, BROKEN_PIPE = 130, 141


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; Ctrl-C, or a closed pipe, ends it without a message."""
    try:
        try:
            options = parser().parse_args(arguments)
            options.run(options)
        finally:
            # a closed pipe must be noticed here, not at Python's own exit
            print(end="", flush=True)
    except StabilityError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        # Python flushes once more at its exit, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE) from None
