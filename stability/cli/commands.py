"""What each command does with its options: results to standard output, and nothing else there."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stability.bench import DEEP_TOKENS, PROMPT
from stability.errors import StabilityError
from stability.text import counted


def run_analyze(options: argparse.Namespace) -> None:
    """`analyze`: one prompt, one direction, as JSON or as a table."""
    from stability.cli.console import readable
    from stability.geometry.analysis import analyze
    from stability.prediction.distribution import require_nats

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
        from stability.figures.style import save

        save(scaling_figure(report["scaling"]), options.plot)
    print(json.dumps(report, allow_nan=False) if options.json else "\n".join(lines(report)))


def run_sweep(options: argparse.Namespace) -> None:
    """`sweep`: many prompts into a folder of Parquet files, from where it stopped."""
    from stability.cli.console import progress
    from stability.sweeps.plan import Plan
    from stability.sweeps.prompts import read_prompts
    from stability.sweeps.sweep import Sweep

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
    with progress("Measuring prompts") as report:
        sweep.run(plan, prompts, lm.card, _attempts(lm, options.model, options.scheduler), report)
    failures = sweep.failures()
    measured = counted(len(prompts) - len(failures), "prompt")
    print(f"{counted(sweep.count(), 'row')} of {measured} in {sweep.rows}")
    if failures:
        lost = counted(len(failures), "prompt")
        print(f"{lost} could not be measured: the reasons are in {sweep.failed}")


def run_reproduce(options: argparse.Namespace) -> None:
    """`reproduce`: the sources' claims beside what was measured on the packaged models."""
    from stability.cli.console import findings_text
    from stability.reproduction import settings
    from stability.reproduction.claims import findings

    folder, tables = options.measure or settings.RESULTS, {}
    for model in options.models:
        if options.measure:
            _measure(model, folder)
        tables[model] = settings.shipped(model, folder)
    found = {model: findings(table) for model, table in tables.items()}
    if options.page:
        from stability.reproduction.page import write_page

        write_page(options.page, tables, found)
    if options.json:
        report = {model: [one.report() for one in own] for model, own in found.items()}
        print(json.dumps(report, allow_nan=False))
    else:
        print("\n\n\n".join(findings_text(model, own) for model, own in found.items()))


def _measure(model: str, folder: Path) -> None:
    """The sweeps of the reproduction on one model, and all their rows in one file."""
    import pyarrow.parquet as pq

    from stability.cli.console import progress
    from stability.reproduction import settings
    from stability.sweeps.prompts import read_prompts
    from stability.sweeps.sweep import Sweep

    lm, tables = _load(model), []
    for setting in settings.settings(lm.card):
        sweep = Sweep(folder / "sweeps" / model / setting.name)
        prompts = setting.prompts(read_prompts(settings.PROMPTS))
        with progress(f"{model}, {setting.name}") as report:
            sweep.run(setting.plan, prompts, lm.card, _attempts(lm, model, None), report)
        tables.append(sweep.table())
    path = folder / f"{model}.parquet"
    pq.write_table(settings.together(tables), path, compression="zstd", compression_level=19)


def _attempts(lm: Any, name: str, scheduler: str | None) -> Any:
    """Who measures prompts: this process, or a cluster."""

    def attempts(attempt: Any, prompts: Any) -> Any:
        if scheduler is None:
            return (attempt(lm, prompt) for prompt in prompts)
        from stability.models.cluster import mapped

        return mapped(scheduler, name, attempt, prompts, lambda prompt, reason: (prompt, reason))

    return attempts


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
