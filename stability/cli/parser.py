"""The commands of the command line and their options; errors in them are one sentence."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from stability.bench import SUITES
from stability.cli.chat import add_chat, utf8
from stability.cli.check import run_check
from stability.cli.commands import run_analyze, run_bench, run_reproduce, run_sweep
from stability.cli.dose import add_check_vector, add_dose
from stability.curvature.direction_spec import enumerated
from stability.defaults import EPSILONS, MODELS
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
    top = Parser(prog="stability", description="The stable region of a model's prediction.")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    analyze, bench = _add_analyze(commands), _add_bench(commands)
    sweep, reproduce = _add_sweep(commands), _add_reproduce(commands)
    check, dose = _add_check(commands), add_dose(commands)
    check_vector = add_check_vector(commands)
    for command in (analyze, bench, sweep, dose, check_vector):
        command.add_argument(
            "--model", default=MODELS[0], help="packaged name, hub id, folder or .gguf file"
        )
    for command in (analyze, bench, reproduce, check, dose, check_vector):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return top


def _add_analyze(commands: Any) -> argparse.ArgumentParser:
    analyze: argparse.ArgumentParser = commands.add_parser(
        "analyze", help="the stable radius along one direction"
    )
    analyze.add_argument("prompt", metavar="PROMPT", type=utf8)
    add_chat(analyze)
    analyze.add_argument(
        "--position", type=int, default=-1, help="token index, from the end if < 0"
    )
    analyze.add_argument(
        "--site", default="prelogit", help="which vector is perturbed: prelogit, final or block:L"
    )
    analyze.add_argument(
        "--direction",
        type=utf8,
        default="eig:0",
        help=enumerated(),
    )
    analyze.add_argument("--epsilon", type=float, nargs="+", default=EPSILONS, help="nats")
    analyze.add_argument("--k", type=int, default=16, help="number of eigenpairs")
    analyze.set_defaults(run=run_analyze)
    return analyze


def _add_bench(commands: Any) -> argparse.ArgumentParser:
    bench: argparse.ArgumentParser = commands.add_parser(
        "bench", help="speed beside accuracy, against named baselines"
    )
    bench.add_argument("--suite", nargs="+", choices=SUITES, default=SUITES, help="what to measure")
    bench.add_argument(
        "--dtype", default="float32", help="of the forward pass: float32, bfloat16 or float16"
    )
    bench.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the scaling, as .svg or .png"
    )
    bench.set_defaults(run=run_bench)
    return bench


def _add_check(commands: Any) -> argparse.ArgumentParser:
    check: argparse.ArgumentParser = commands.add_parser(
        "check",
        help="everything that is drawn of a model, computed a second way",
        description="Compare logits, causality, every site, curvature, boundaries and precision of a "
        "model with a second way to compute them. The exit status is 1 if one does not hold.",
    )
    check.add_argument(
        "model", metavar="MODEL", type=utf8, help="packaged name, hub id, folder or .gguf file"
    )
    check.add_argument("--dtype", default="float32", help="float32, bfloat16 or float16")
    check.set_defaults(run=run_check)
    return check


def _add_sweep(commands: Any) -> argparse.ArgumentParser:
    sweep: argparse.ArgumentParser = commands.add_parser(
        "sweep",
        help="many prompts into Parquet; run again, it goes on where it stopped",
        description="Measure many prompts into DIR/rows, a Parquet file a prompt. A sweep that was "
        "stopped or killed goes on when the same command is run again. Prompts that cannot be "
        "measured are kept in DIR/failed, with the reason.",
    )
    sweep.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help=".txt, .jsonl, .csv or .parquet"
    )
    sweep.add_argument("--out", type=_folder, required=True, metavar="DIR")
    sweep.add_argument("--sites", nargs="+", metavar="SITE", help="prelogit, final or block:L")
    sweep.add_argument(
        "--directions",
        nargs="+",
        type=utf8,
        metavar="DIRECTION",
        help="as for analyze; random:N and covariance:N are drawn anew at each position, rival:N "
        "points from the most likely token to the N-th after it; by default twelve of all kinds",
    )
    sweep.add_argument("--epsilon", dest="epsilons", type=float, nargs="+", help="nats")
    sweep.add_argument("--positions", type=int, help="how many are drawn from each prompt")
    sweep.add_argument("--seed", type=int, help="of all that is drawn")
    sweep.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that does the work"
    )
    sweep.set_defaults(run=run_sweep)
    return sweep


def _add_reproduce(commands: Any) -> argparse.ArgumentParser:
    reproduce: argparse.ArgumentParser = commands.add_parser(
        "reproduce",
        help="the sources' claims beside what is measured",
        description="Print what the sources claim beside what was measured on the packaged models, "
        "with intervals and settings: from the results that come with the repository, or measured "
        "anew, which takes about an hour and goes on where it stopped.",
    )
    reproduce.add_argument(
        "--models", nargs="+", choices=MODELS, default=MODELS, help="by default both"
    )
    reproduce.add_argument("--measure", type=_folder, metavar="DIR", help="measure anew, into DIR")
    reproduce.add_argument(
        "--page", type=_folder, metavar="DIR", help="write the page of results, with its figures"
    )
    reproduce.set_defaults(run=run_reproduce)
    return reproduce


def _folder(argument: str) -> Path:
    """A folder with a name: an empty one, as of a variable that is not set, would be the current."""
    if not argument:
        raise argparse.ArgumentTypeError("a folder needs a name; received ''")
    return Path(utf8(argument))
