"""The command line: `python -m stability analyze PROMPT`, `sweep`, `reproduce`, `bench`.

Results go to standard output and nothing else does; progress and errors go to standard error. Bad
input ends with one line there and exit status 2.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from stability.bench import DEEP_TOKENS, PROMPT, SUITES
from stability.errors import StabilityError

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting threads must not spin

EPSILONS = (0.001, 0.01, 0.1, 1.0)
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 and the signal's number, as a shell reports them


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit with 2."""
        fail(f"{message}: see `{self.prog} --help`.")


def fail(message: str) -> NoReturn:
    """One line on standard error, exit status 2."""
    print(f"stability: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = Parser(prog="stability", description="The stable region of a model's prediction.")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    analyze = commands.add_parser("analyze", help="the stable radius along one direction")
    analyze.add_argument("prompt", metavar="PROMPT", type=_text)
    analyze.add_argument(
        "--position", type=int, default=-1, help="token index, from the end if < 0"
    )
    analyze.add_argument(
        "--site", default="prelogit", help="which vector is perturbed: prelogit, final or block:L"
    )
    analyze.add_argument(
        "--direction",
        type=_text,
        default="eig:0",
        help="eig:K, random:SEED, covariance:SEED, tokens:A,B, prompt:TEXT or file:PATH",
    )
    analyze.add_argument("--epsilon", type=float, nargs="+", default=EPSILONS, help="nats")
    analyze.add_argument("--k", type=int, default=16, help="number of eigenpairs")
    analyze.set_defaults(run=run_analyze)
    bench = commands.add_parser("bench", help="speed beside accuracy, against named baselines")
    bench.add_argument("--suite", nargs="+", choices=SUITES, default=SUITES, help="what to measure")
    bench.add_argument(
        "--dtype", default="float32", help="of the forward pass: float32, bfloat16 or float16"
    )
    bench.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the scaling, as .svg or .png"
    )
    bench.set_defaults(run=run_bench)
    _add_sweep(commands)
    for command in commands.choices.values():
        command.add_argument(
            "--model", default="smollm2-135m", help="packaged name, hub id, folder or .gguf file"
        )
    for command in (analyze, bench):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return top


def _add_sweep(commands: Any) -> None:
    sweep = commands.add_parser(
        "sweep",
        help="many prompts into Parquet; run again, it goes on where it stopped",
        description="Measure many prompts into DIR/rows, a Parquet file a prompt. A sweep that was "
        "stopped or killed goes on when the same command is run again. Prompts that cannot be "
        "measured are kept in DIR/failed, with the reason.",
    )
    sweep.add_argument(
        "--prompts", type=Path, required=True, metavar="FILE", help=".txt, .jsonl, .csv or .parquet"
    )
    sweep.add_argument("--out", type=Path, required=True, metavar="DIR")
    sweep.add_argument("--sites", nargs="+", metavar="SITE", help="prelogit, final or block:L")
    sweep.add_argument(
        "--directions",
        nargs="+",
        type=_text,
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


def _text(argument: str) -> str:
    """An argument as it is, if it is text: other bytes come as surrogates, which have no UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"text must be UTF-8; received {argument!r}") from error
    return argument


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


def run_analyze(options: argparse.Namespace) -> None:
    """`analyze`: one prompt, one direction, as JSON or as a table."""
    from stability.analysis import analyze
    from stability.console import readable
    from stability.distribution import require_nats

    for epsilon in options.epsilon:
        require_nats(epsilon)
    found = analyze(
        _load(options.model),
        options.prompt,
        options.position,
        options.site,
        options.direction,
        options.k,
    )
    report = found.report(options.epsilon)
    # in ASCII, JSON is the same valid UTF-8 under every locale
    print(json.dumps(report, allow_nan=False) if options.json else readable(report))


def run_bench(options: argparse.Namespace) -> None:
    """`bench`: time and accuracy of every fast path beside its baselines, from one run."""
    lm = _load(options.model, options.dtype)
    states, deep = lm.capture_all(PROMPT), None
    if "depth" in options.suite and options.dtype == "float32":
        short = "".join(token.text for token in lm.tokenize(PROMPT)[:DEEP_TOKENS])
        deep = lm.capture_all(short, "block:0"), lm.capture_depth(short)
    try:
        from stability.bench.report import bench, lines

        report = bench(states, options.suite, deep)
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"The bench needs its baselines, and {error.name!r} is not installed: "
            "run `pip install '.[bench]'`."
        ) from error
    if options.plot:
        from stability.figures.scaling import scaling_figure

        scaling_figure(report["scaling"]).write_image(options.plot)
    print(json.dumps(report, allow_nan=False) if options.json else "\n".join(lines(report)))


def run_sweep(options: argparse.Namespace) -> None:
    """`sweep`: many prompts into a folder of Parquet files, from where it stopped."""
    from stability.console import progress
    from stability.plans import Plan
    from stability.prompts import read_prompts
    from stability.sweep import Sweep

    names = ("sites", "directions", "epsilons", "positions", "seed")
    asked = {name: getattr(options, name) for name in names}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in asked.items()
        if value is not None
    }
    plan = Plan(**given)
    prompts = read_prompts(options.prompts)
    lm = _load(options.model)
    plan.require(lm)
    sweep = Sweep(options.out)

    def attempts(attempt: Any, left: Any) -> Any:
        if options.scheduler is None:
            return (attempt(lm, prompt) for prompt in left)
        from stability.models.cluster import mapped

        return mapped(options.scheduler, options.model, attempt, left)

    with progress("Measuring prompts") as report:
        sweep.run(plan, prompts, lm.card, attempts, report)
    failures = sweep.failures()
    print(f"{sweep.count()} rows of {len(prompts) - len(failures)} prompts in {sweep.rows}")
    if failures:
        print(f"{len(failures)} prompts could not be measured: the reasons are in {sweep.failed}")


def _load(name: str, dtype: str = "float32") -> Any:
    """A model, with its progress on standard error where a person is watching."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(escape(f"Loading {name}"), total=1.0)
        from stability.models import load

        return load(
            name,
            dtype=dtype,
            report=lambda message, fraction: bar.update(
                task, description=escape(message), completed=fraction
            ),
        )
