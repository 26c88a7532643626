"""The command line: `python -m stability analyze PROMPT`, `sweep`, `reproduce`, `bench`.

Results go to standard output and nothing else does; progress and errors go to standard error. Bad
input ends with one line there and exit status 2.
"""

import os
import sys
from collections.abc import Sequence

from stability.cli.parser import fail, parser
from stability.errors import StabilityError

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting threads must not spin

INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 and the signal's number, as a shell reports them


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; Ctrl-C, or a reader who has gone away, ends it without a word."""
    try:
        try:
            options = parser().parse_args(arguments)
            options.run(options)
        finally:
            print(end="", flush=True)  # what is left must fail here, not at Python's own exit
    except StabilityError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        # the rest goes nowhere, or Python would try once more at its exit and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE) from None
