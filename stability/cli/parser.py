"""The parser of the command line, whose errors are one sentence."""

import argparse
import sys
from typing import Any, NoReturn

from stability import __version__
from stability.cli.options import add_commands
from stability.text import printable

# characters of argparse's message, which repeats an argument of any length
LONGEST_MESSAGE = 300


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but for `--name=--`, which it takes for an option without a value."""
        for argument in sys.argv[1:] if args is None else args:
            if argument.startswith("--") and argument.endswith("=--"):
                self.error(f"an option needs a value; received {argument!r}")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Print one sentence, with the command that helps; exit with 2."""
        fail(f"{message:.{LONGEST_MESSAGE}}: see `{self.prog} --help`.")


def fail(message: str) -> NoReturn:
    """One line on standard error, exit status 2."""
    print(f"stability: {printable(' '.join(message.split()))}", file=sys.stderr)
    raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = Parser(
        prog="stability",
        description="The stable region of a language model's prediction.",
        epilog="`stability COMMAND --help` tells more of each, with an example.",
    )
    top.add_argument("--version", action="version", version=f"stability {__version__}")
    top.set_defaults(run=lambda options: top.print_help())
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    add_commands(commands)
    return top
