"""The command line: `python -m stability analyze PROMPT`, `python -m stability bench`.

Results go to standard output and nothing else does; progress and errors go to standard error. Bad
input ends with one line there and exit status 2.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from stability.bench import DEEP_TOKENS, PROMPT, SUITES
from stability.errors import StabilityError

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: waiting threads must not spin

EPSILONS = (0.001, 0.01, 0.1, 1.0)
WIDTH = 80  # columns of the readable report
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
    for command in (analyze, bench):
        command.add_argument(
            "--model", default="smollm2-135m", help="packaged name, hub id, folder or .gguf file"
        )
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return top


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


def readable(report: dict[str, Any]) -> str:
    """The report for people: three significant digits, no line wider than `WIDTH` columns."""
    model, spectrum, argmax = report["model"], report["spectrum"], report["argmax"]
    direction, token = report["direction"], report["tokens"][report["position"]]
    lines = [
        f"model      {model['name']} ({model['revision']})",
        f"after      position {report['position']}, {token['text']!r}",
        f"next       entropy {report['entropy']:.3g} nats, probability "
        f"{argmax['probability']:.3g} of {argmax['text']!r}",
        f"vector     site {report['site']}, length {report['norm']:.3g}",
        f"H          trace {_number(spectrum['trace'])}, token constraint bound "
        f"{_number(report['token_constraint_bound'])}",
        f"direction  curvature {direction['curvature']:.3g}, {direction['label']}",
        "",
        *_radii(report),
        "",
        *_flips(report),
        "",
        "Epsilon is in nats, lengths are in the vector's own coordinates.",
        *(_CERTIFIED if report["certified_ball"] else ()),
    ]
    return "\n".join(_fitted(line) for line in lines)


_CERTIFIED = (
    "Certified: the divergence is below epsilon up to `inner` and above it from `outer`",
    "on; up to `ball` it is below epsilon in every direction.",
)


def _radii(report: dict[str, Any]) -> Iterator[str]:
    """A row for each epsilon and side: predicted and actual radius, and what is certified."""
    columns = ("epsilon", "side", "predicted", "actual", "inner", "outer", "ball")
    yield "".join(f"{column:>11}" for column in columns)
    balls = report["certified_ball"] or [{"radius": None} for _ in report["radii"]]
    for row, ball in zip(report["radii"], balls, strict=True):
        certified = row["certified"] or {"minus": (None, None), "plus": (None, None)}
        for side, actual in row["actual"].items():
            radii = (row["predicted"], actual, *certified[side], ball["radius"])
            cells = (f"{row['epsilon']:g}", side, *map(_number, radii))
            yield "".join(f"{cell:>11}" for cell in cells)


def _flips(report: dict[str, Any]) -> Iterator[str]:
    """A row for each change of the most likely token, the nearest over all directions last."""
    yield f"{'side':>22}{'distance':>11}  most likely token from there"
    nearest = report["nearest_flip"]
    for side, flips in {**report["flips"], **({"any": [nearest]} if nearest else {})}.items():
        for flip in flips:
            yield f"{side:>22}{_number(flip['distance']):>11}  {flip['text']!r}"
        if not flips:
            yield f"{side:>22}{'never':>11}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _fitted(line: str) -> str:
    """A line in the characters that standard output has, cut with "..." where it is too wide."""
    from rich.cells import cell_len, set_cell_size

    encoding = sys.stdout.encoding or "utf-8"  # a StringIO in its place has none
    line = line.encode(encoding, "backslashreplace").decode(encoding)
    return line if cell_len(line) <= WIDTH else set_cell_size(line, WIDTH - 3) + "..."
