"""`dose`: how strong a steering vector may be, as JSON or as a table."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stability.cli.chat import utf8
from stability.cli.command import add_command
from stability.cli.commands import load_model
from stability.defaults import DOSE_EPSILONS, DOSE_STATISTICS
from stability.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stability.models import LanguageModel
    from stability.prediction.conversation import PromptLike
    from stability.steering.doses.dose import Dose


def add_dose(commands: Any) -> argparse.ArgumentParser:
    """Add the command `dose`."""
    dose = add_command(
        commands,
        "dose",
        "how strong a steering vector may be",
        "stability dose vector.gguf --prompt 'The capital of France is'",
        "At which coefficients of a steering vector the predictions on some prompts have "
        "changed by EPSILON nats: predicted for every token by one product, and true.",
    )
    dose.add_argument("file", metavar="FILE", type=utf8, help="of vectors: PATH or PATH#NAME")
    prompts = dose.add_mutually_exclusive_group(required=True)
    prompts.add_argument("--prompt", metavar="TEXT", type=utf8, help="one prompt")
    prompts.add_argument(
        "--prompts", type=Path, metavar="FILE", help=".txt, .jsonl, .csv or .parquet"
    )
    add_vector_options(dose)
    dose.add_argument(
        "--reverse",
        action="store_true",
        help="nats of KL(changed ‖ original), not KL(original ‖ changed)",
    )
    dose.add_argument(
        "--layers", action="store_true", help="also its predicted dose after every block"
    )
    dose.set_defaults(run=run_dose)
    return dose


def add_vector_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say where and how a vector is applied."""
    command.add_argument(
        "--site",
        type=utf8,
        help="where it is applied: prelogit, final or block:L, several with commas, or all that the "
        "file names; by default where the file says",
    )
    command.add_argument(
        "--positions",
        default="all",
        type=utf8,
        help="of each prompt: all, last, or I,J,…, from its end as --positions=-1,-2; by default "
        "%(default)s; statistics over tokens begin at the first that is changed",
    )
    command.add_argument(
        "--mode", choices=("add", "project"), help="h + c·v or h − c·(h·d)d; by default the file's"
    )
    command.add_argument(
        "--epsilon",
        type=float,
        nargs="+",
        default=DOSE_EPSILONS,
        help=f"nats; by default {' '.join(f'{epsilon:g}' for epsilon in DOSE_EPSILONS)}",
    )


def run_dose(options: argparse.Namespace) -> None:
    """`dose`: predicted and true doses of every token, and of statistics over tokens."""
    from stability.cli.dose_table import readable
    from stability.prediction.distribution import require_nats
    from stability.steering.crossings.statistics import STATISTICS
    from stability.steering.doses.dose import dose
    from stability.steering.doses.report import dose_report

    require_nats(*options.epsilon)
    prompts = _prompts(options)
    lm = load_model(options.model, options.dtype)
    measured = dose(
        lm,
        options.file,
        prompts,
        options.site,
        options.positions,
        options.mode,
        options.reverse,
    )
    for sentence in measured.warnings:
        print(f"stability: {printable(sentence)}", file=sys.stderr)
    # --json has the statistics that other tools know
    names = DOSE_STATISTICS if options.json else tuple(STATISTICS)
    report = dose_report(measured, options.epsilon, names)
    if options.layers:
        report["layers"] = _layers(lm, measured, prompts, options.epsilon)
    print(json.dumps(report, allow_nan=False) if options.json else readable(report))


def _layers(
    lm: "LanguageModel", measured: "Dose", prompts: "list[PromptLike]", epsilons: "Sequence[float]"
) -> list[dict[str, Any]]:
    from stability.cli.progress import progress
    from stability.steering.doses.layers import dose_map
    from stability.steering.doses.report import layers_report

    with progress("Layers") as report:
        done = dose_map(
            lm,
            measured.vector,
            prompts,
            measured.positions,
            lambda fraction: report(round(100 * fraction), 100),
        )
    return layers_report(done, epsilons)


def _prompts(options: argparse.Namespace) -> "list[PromptLike]":
    from stability.errors import StabilityError
    from stability.sweeps.prompts import read_prompts

    if options.prompts is None:
        return [options.prompt]
    rows = read_prompts(options.prompts)
    if bad := [prompt for prompt in rows if prompt.text is None]:
        raise StabilityError(
            f"Every row of prompts must hold one; row {bad[0].index} of {str(options.prompts)!r} does "
            f"not ({bad[0].reason}): mend or remove it."
        )
    return [prompt.text for prompt in rows if prompt.text is not None]
