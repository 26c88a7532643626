"""Run each command: its results go to standard output, and nothing else does."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from stability import __version__
from stability.bench import DEEP_TOKENS, OPEN_PROMPT, PROMPT
from stability.cli.chat import prompt_of
from stability.cli.direction import direction_of, require_form
from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.text import counted

if TYPE_CHECKING:
    from stability.models import LanguageModel
    from stability.sweeps.measurement import Outcome
    from stability.sweeps.plan import Plan
    from stability.sweeps.prompts import Prompt
    from stability.sweeps.sweep import Sweep


def run_analyze(options: argparse.Namespace) -> None:
    """`analyze`: one prompt, one direction, as JSON or as a table."""
    from stability.cli.console import readable
    from stability.cli.progress import import_torch, waiting

    import_torch()
    from stability.geometry.analysis import analyze
    from stability.prediction.distribution import require_nats

    require_nats(*options.epsilon)
    require_form(options.direction)
    prompt, lm = prompt_of(options), load_model(options.model, options.dtype)
    direction = direction_of(lm, options.direction)
    # below the readout all of it runs the network
    with waiting("Looking along the direction"):
        analysis = analyze(lm, prompt, options.position, options.site, str(direction), options.k)
        report = provenance(direction) | analysis.report(options.epsilon)
    # in ASCII, JSON is the same valid UTF-8 under every locale
    print(json.dumps(report, allow_nan=False) if options.json else readable(report))


def provenance(direction: DirectionSpec) -> dict[str, Any]:
    """By what a report was made, and the units it is in; a seed where the direction has one."""
    return {
        "version": __version__,
        "seed": direction.seed,
        "unit": {"length": "coordinates of the vector", "divergence": "nats"},
    }


def run_bench(options: argparse.Namespace) -> None:
    """`bench`: time and accuracy of every fast path beside its baselines, from one run."""
    lm = load_model(options.model, options.dtype)
    states, deep = lm.capture_all(PROMPT), None
    if "depth" in options.suite and options.dtype == "float32":
        short = "".join(token.text for token in lm.tokenize(PROMPT)[:DEEP_TOKENS])
        deep = lm.capture_all(short, "block:0"), lm.capture_depth(short)
    try:
        from stability.bench.report import bench, lines

        steered = lm if options.dtype == "float32" else None
        report = bench(states, options.suite, deep, steered, lm.capture_all(OPEN_PROMPT))
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"The bench needs its baselines, and {error.name!r} is not installed: "
            "run `pip install '.[bench]'`."
        ) from error
    if options.plot:
        from stability.figures.scaling import scaling_figure
        from stability.figures.style import save

        save(scaling_figure(report["scaling"]), options.plot)
    print(json.dumps(report, allow_nan=False) if options.json else "\n".join(lines(report)))


def run_sweep(options: argparse.Namespace) -> None:
    """`sweep`: many prompts into a folder of Parquet files, from where it stopped."""
    from stability.cli.progress import import_torch

    import_torch()
    from stability.sweeps.plan import Plan
    from stability.sweeps.prompts import read_prompts
    from stability.sweeps.sweep import Sweep

    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in ("sites", "directions", "epsilons", "positions", "seed")
        if (value := getattr(options, name)) is not None
    }
    plan = Plan(**given)
    prompts = read_prompts(options.prompts)
    lm = load_model(options.model)
    plan.require(lm)
    sweep = Sweep(options.out)
    with sweep.claimed(plan, prompts, lm.card):
        keep_all(
            sweep,
            prompts,
            lambda left: _outcomes(lm, plan, left, options.scheduler),
            "Measuring prompts",
        )
    failures = sweep.failures()
    measured = counted(len(prompts) - len(failures), "prompt")
    print(f"{counted(sweep.count(), 'row')} of {measured} in {sweep.rows}")
    if failures:
        missing = counted(len(failures), "prompt")
        print(f"{missing} could not be measured: the reasons are in {sweep.failed}")


def keep_all(
    sweep: "Sweep",
    prompts: "Sequence[Prompt]",
    outcomes: "Callable[[Sequence[Prompt]], Iterable[tuple[Prompt, Outcome]]]",
    title: str,
) -> None:
    """Measure the prompts of a claimed sweep that are left, with progress."""
    from stability.cli.progress import progress

    left = sweep.left(prompts)
    done = len(prompts) - len(left)
    with progress(title) as report:
        report(done, len(prompts))
        for prompt, outcome in outcomes(left):
            sweep.keep(prompt, outcome)
            done += 1
            report(done, len(prompts))


def _outcomes(
    lm: "LanguageModel", plan: "Plan", prompts: "Sequence[Prompt]", scheduler: str | None
) -> "Iterable[tuple[Prompt, Outcome]]":
    """The outcome of each prompt, measured by this process or by the workers of a cluster."""
    from stability.sweeps.measurement import attempt, outcomes

    if scheduler is None:
        return outcomes(lm, plan, prompts)
    from stability.models.cluster import mapped

    return mapped(scheduler, lm.card.name, lambda lm, prompt: attempt(lm, plan, prompt), prompts)


def load_model(name: str, dtype: str = "float32") -> "LanguageModel":
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
