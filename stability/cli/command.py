"""A command of the command line, and what all of them share in their help."""

import argparse
from textwrap import fill
from typing import Any

from stability.defaults import EPSILONS

# columns of a help text
WIDTH = 80
SHOWN_EPSILONS = " ".join(f"{epsilon:g}" for epsilon in EPSILONS)


def add_command(
    commands: Any, name: str, summary: str, example: str, details: str = ""
) -> argparse.ArgumentParser:
    """A command whose help says what it does, and ends in an example."""
    said = details or f"{summary[:1].upper()}{summary[1:]}."
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=fill(said, WIDTH),
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return command
