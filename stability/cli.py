"""The command line: `python -m stability analyze PROMPT`.

Results go to standard output and nothing else does; progress and errors go to standard error. Bad
input ends with one line there and exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from stability.errors import StabilityError

EPSILONS = (0.001, 0.01, 0.1, 1.0)


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
    analyze.add_argument("prompt", metavar="PROMPT")
    analyze.add_argument(
        "--model", default="smollm2-135m", help="packaged name, hub id, folder or .gguf file"
    )
    analyze.add_argument(
        "--position", type=int, default=-1, help="token index, from the end if < 0"
    )
    analyze.add_argument("--site", default="prelogit", help="which vector is perturbed")
    analyze.add_argument(
        "--direction",
        default="eig:0",
        help="eig:K, random:SEED, covariance:SEED, tokens:A,B, prompt:TEXT or file:PATH",
    )
    analyze.add_argument("--epsilon", type=float, nargs="+", default=EPSILONS, help="nats")
    analyze.add_argument("--k", type=int, default=16, help="number of eigenpairs")
    analyze.add_argument("--json", action="store_true", help="print one JSON object")
    analyze.set_defaults(run=run_analyze)
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except StabilityError as error:
        fail(str(error))


def run_analyze(options: argparse.Namespace) -> None:
    """`analyze`: one prompt, one direction, as JSON or as a table."""
    from stability.analysis import analyze
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
    if options.json:
        print(json.dumps(report, ensure_ascii=False, allow_nan=False))
    else:
        _print_tables(report)


def _load(name: str) -> Any:
    """A model, with its progress on standard error where a person is watching."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task(f"Loading {name}", total=1.0)
        from stability.models import load

        return load(
            name,
            report=lambda message, fraction: bar.update(
                task, description=message, completed=fraction
            ),
        )


def _print_tables(report: dict[str, Any]) -> None:
    """The report for people: three significant digits, units in the headings."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    argmax, direction = report["argmax"], report["direction"]
    token = report["tokens"][report["position"]]
    console.print(
        f"{report['model']['name']} ({report['model']['revision']}), after "
        f"{token['text']!r} at position {report['position']}, site {report['site']}: "
        f"{argmax['text']!r} with probability {argmax['probability']:.3g}, "
        f"entropy {report['entropy']:.3g} nats.",
        markup=False,
    )
    table = Table(title=f"Along {direction['label']}, curvature {direction['curvature']:.3g}")
    for heading in (
        "ε (nats)",
        "predicted r",
        "boundary −",
        "boundary +",
        "certified −",
        "certified +",
    ):
        table.add_column(heading, justify="right")
    for row in report["radii"]:
        certified = row["certified"] or {"minus": None, "plus": None}
        table.add_row(
            f"{row['epsilon']:g}",
            _number(row["predicted"]),
            *(_number(row["actual"][side]) for side in ("minus", "plus")),
            *(_span(certified[side]) for side in ("minus", "plus")),
        )
    console.print(table)
    for side, sign in (("minus", "−"), ("plus", "+")):
        names = ", ".join(f"{f['text']!r} at {f['distance']:.3g}" for f in report["flips"][side])
        console.print(
            f"Most likely token on the {sign} side: {names or 'does not change'}.", markup=False
        )
    nearest = report["nearest_flip"]
    if nearest:
        console.print(
            f"Nearest change of it over all directions: {nearest['text']!r} at "
            f"{nearest['distance']:.3g}.",
            markup=False,
        )
    balls = ", ".join(
        f"{_number(b['radius'])} ({b['epsilon']:g} nats)" for b in report["certified_ball"]
    )
    console.print(f"Certified ball, all directions at once: {balls}.", markup=False)
    console.print(
        f"‖vector‖ {report['norm']:.3g}, trace of H {report['spectrum']['trace']:.3g}, token "
        f"constraint bound {report['token_constraint_bound']:.3g} (ε = 1). Lengths are in the "
        "vector's own coordinates.",
        markup=False,
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _span(bracket: Sequence[float] | None) -> str:
    return "–" if bracket is None else f"{bracket[0]:.3g} … {bracket[1]:.3g}"
