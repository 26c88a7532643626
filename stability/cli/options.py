"""The commands and their options: what each takes, its default, and an example in its help."""

import argparse
from pathlib import Path
from typing import Any

from stability.bench import SUITES
from stability.cli.app import PORT, run_app
from stability.cli.chat import add_chat, utf8
from stability.cli.check import run_check
from stability.cli.check_vector import add_check_vector
from stability.cli.command import SHOWN_EPSILONS, add_command
from stability.cli.commands import run_analyze, run_bench
from stability.cli.dictionary import add_dictionary
from stability.cli.dose import add_dose
from stability.cli.push import add_push
from stability.cli.sweep_options import add_reproduce, add_sweep
from stability.curvature.direction_spec import enumerated
from stability.defaults import EPSILONS, LEADING_PAIRS, MODELS


def add_commands(commands: Any) -> None:
    """Add every command to a parser's subparsers."""
    _add_app(commands)
    analyze, bench = _add_analyze(commands), _add_bench(commands)
    sweep, reproduce = add_sweep(commands), add_reproduce(commands)
    check, dose = _add_check(commands), add_dose(commands)
    check_vector, push = add_check_vector(commands), add_push(commands)
    dictionary = add_dictionary(commands)
    for command in (analyze, bench, sweep, dose, check_vector, push, dictionary):
        command.add_argument(
            "--model",
            default=MODELS[0],
            help="packaged name, hub id, folder or .gguf file; by default %(default)s",
        )
    for command in (analyze, bench, check, dose, check_vector, push, dictionary):
        command.add_argument(
            "--dtype",
            default="float32",
            help="what weights are held in: float32, bfloat16 or float16, by default %(default)s; all "
            "is computed in float32",
        )
    for command in (analyze, bench, reproduce, check, dose, check_vector, push, dictionary):
        command.add_argument("--json", action="store_true", help="print one JSON object")


def _add_app(commands: Any) -> None:
    app = add_command(
        commands,
        "app",
        "start the app, to be opened in a browser",
        "stability app",
    )
    app.add_argument("--port", type=int, default=PORT, help="by default %(default)s")
    app.set_defaults(run=run_app)


def _add_analyze(commands: Any) -> argparse.ArgumentParser:
    analyze = add_command(
        commands,
        "analyze",
        "the stable radius along one direction",
        "stability analyze 'The capital of France is' --direction 'tokens: Paris, the'",
    )
    analyze.add_argument("prompt", metavar="PROMPT", type=utf8)
    add_chat(analyze)
    analyze.add_argument(
        "--position",
        type=int,
        default=-1,
        help="token index, from the end if < 0; by default %(default)s, the last",
    )
    analyze.add_argument(
        "--site",
        default="prelogit",
        help="which vector is perturbed: prelogit, final or block:L; by default %(default)s",
    )
    analyze.add_argument(
        "--direction",
        type=utf8,
        default="eig:0",
        help=f"{enumerated()}; A, B and TOKEN are ids, or the text of one token each; "
        "by default %(default)s",
    )
    analyze.add_argument(
        "--epsilon",
        type=float,
        nargs="+",
        default=EPSILONS,
        help=f"nats; by default {SHOWN_EPSILONS}",
    )
    analyze.add_argument(
        "--k", type=int, default=LEADING_PAIRS, help="number of eigenpairs; by default %(default)s"
    )
    analyze.set_defaults(run=run_analyze)
    return analyze


def _add_bench(commands: Any) -> argparse.ArgumentParser:
    bench = add_command(
        commands,
        "bench",
        "speed beside accuracy, against named baselines",
        f"stability bench --suite {SUITES[0]}",
    )
    bench.add_argument(
        "--suite", nargs="+", choices=SUITES, default=SUITES, help="what to measure; by default all"
    )
    bench.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the scaling, as .svg or .png"
    )
    bench.set_defaults(run=run_bench)
    return bench


def _add_check(commands: Any) -> argparse.ArgumentParser:
    check = add_command(
        commands,
        "check",
        "everything that is drawn of a model, computed a second way",
        f"stability check {MODELS[0]}",
        "Compare logits, causality, every site, curvature, boundaries and precision of a model with a "
        "second way to compute them. The exit status is 1 if one does not hold.",
    )
    check.add_argument(
        "model", metavar="MODEL", type=utf8, help="packaged name, hub id, folder or .gguf file"
    )
    check.set_defaults(run=run_check)
    return check
