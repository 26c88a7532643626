"""The options of the commands that measure many prompts: `sweep` and `reproduce`."""

import argparse
from pathlib import Path
from typing import Any

from stability.cli.chat import utf8
from stability.cli.command import SHOWN_EPSILONS, add_command
from stability.cli.commands import run_sweep
from stability.cli.reproduce import DOSES, RADII, run_reproduce
from stability.defaults import MODELS


def add_sweep(commands: Any) -> argparse.ArgumentParser:
    """Add `sweep`, without its model."""
    sweep = add_command(
        commands,
        "sweep",
        "many prompts into Parquet; run again, it goes on where it stopped",
        "stability sweep --prompts prompts.txt --out measured --epsilon 0.01 0.1",
        "Measure many prompts into DIR/rows, a Parquet file a prompt. A sweep that was stopped or "
        "killed goes on when the same command is run again. Prompts that cannot be measured are kept "
        "in DIR/failed, with the reason.",
    )
    sweep.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help=".txt, .jsonl, .csv or .parquet"
    )
    sweep.add_argument(
        "--out", type=_folder, required=True, metavar="DIR", help="the folder to measure into"
    )
    sweep.add_argument(
        "--sites",
        nargs="+",
        metavar="SITE",
        help="prelogit, final or block:L; by default prelogit",
    )
    sweep.add_argument(
        "--directions",
        nargs="+",
        type=utf8,
        metavar="DIRECTION",
        help="as for analyze, tokens by their ids; random:N and covariance:N are drawn anew at each "
        "position, rival:N points from the most likely token to the N-th after it; by default twelve "
        "of all kinds",
    )
    sweep.add_argument(
        "--epsilon",
        dest="epsilons",
        type=float,
        nargs="+",
        help=f"nats; by default {SHOWN_EPSILONS}",
    )
    sweep.add_argument(
        "--positions", type=int, help="how many are drawn from each prompt; by default 2"
    )
    sweep.add_argument("--seed", type=int, help="of all that is drawn; by default 0")
    sweep.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster that does the work; by default this process does it",
    )
    sweep.set_defaults(run=run_sweep)
    return sweep


def add_reproduce(commands: Any) -> argparse.ArgumentParser:
    """Add `reproduce`."""
    reproduce = add_command(
        commands,
        "reproduce",
        "the sources' claims beside what is measured",
        f"stability reproduce --models {MODELS[0]}",
        "Print what the sources claim beside what was measured on the packaged models, with intervals "
        "and settings: from the results that come with the repository, or measured anew, which takes "
        "about two hours and goes on where it stopped.",
    )
    reproduce.add_argument(
        "--models", nargs="+", choices=MODELS, default=MODELS, help="by default both"
    )
    reproduce.add_argument("--measure", type=_folder, metavar="DIR", help="measure anew, into DIR")
    reproduce.add_argument(
        "--page", type=_folder, metavar="DIR", help="write the page of results, with its figures"
    )
    reproduce.add_argument(
        "--only",
        choices=(RADII, DOSES),
        help="only the radii of the closed form, or the doses of vectors; by default both",
    )
    reproduce.set_defaults(run=run_reproduce)
    return reproduce


def _folder(argument: str) -> Path:
    """A folder with a name: an empty one, as of a variable that is not set, would be the current."""
    if not argument:
        raise argparse.ArgumentTypeError("a folder needs a name; received ''")
    return Path(utf8(argument))
