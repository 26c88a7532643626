"""Run suites of the bench, and report them as plain data or as lines of text."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

import stability
from stability.bench.depth import compare_depths
from stability.bench.dose import compare_doses
from stability.bench.scaling import growths
from stability.bench.suites import READOUT_SUITES
from stability.bench.timing import Comparison
from stability.prediction.state import State

PACKAGES = ("torch", "numpy", "scipy", "transformers", "hessian-eigenthings")


def bench(
    states: Sequence[State],
    suites: Sequence[str],
    deep: tuple[Sequence[State], Sequence[State]] | None = None,
    lm: Any = None,
    open_states: Sequence[State] = (),
) -> dict[str, Any]:
    """Run suites on the states of a prompt, and return everything as plain data, ready for JSON.

    `deep` are the states of a shorter prompt at the first block, and those of its last position at
    every block; without them the suite `depth` is left out, and without the model `lm` the suite
    `dose`. The suite `spectrum` looks at `open_states` as well, those of another prompt. Times are
    medians in seconds, ratios are baseline over library, both from this one run.
    """
    looked_at = {"spectrum": [*states, *open_states]}
    comparisons = [
        comparison
        for name in suites
        if name in READOUT_SUITES
        for comparison in READOUT_SUITES[name](looked_at.get(name, states))
    ]
    if deep is not None and "depth" in suites:
        comparisons += compare_depths(*deep)
    if lm is not None and "dose" in suites:
        comparisons += compare_doses(lm, str(states[0].prompt))
    scaling = [*growths(states)] if "scaling" in suites else []
    readout = states[0].readout
    return {
        "model": asdict(states[0].model),
        "tokens": len(states),
        "device": str(readout.W_U.device),
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "versions": {"stability": stability.__version__}
        | {package: version(package) for package in PACKAGES},
        "rows": [_as_json(comparison) for comparison in comparisons],
        "scaling": [asdict(growth) for growth in scaling],
    }


def _as_json(comparison: Comparison) -> dict[str, Any]:
    ratios = {name: comparison.ratio(name) for name in comparison.baselines}
    return asdict(comparison) | {"ratios": ratios}


def lines(report: dict[str, Any]) -> list[str]:
    """Write a report as lines of text."""
    model, versions = report["model"], report["versions"]
    text = [
        f"{model['name']} ({model['revision']}): V = {model['vocab_size']}, d = {model['d_model']}, "
        f"{report['tokens']} tokens; {report['device']}, {report['threads']} threads; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
    ]
    for row in report["rows"]:
        text.append(f"\n{row['suite']}: {row['what']}: {_milliseconds(row['seconds'])}")
        text += [
            f"  {row['ratios'][name]:8.1f} × the time: {name}, {_milliseconds(seconds)}"
            for name, seconds in row["baselines"].items()
        ]
        text += [f"  {value:8.2g}   {name}" for name, value in row["accuracy"].items()]
    for growth in report["scaling"]:
        steps = ", ".join(
            f"{size}: {_milliseconds(seconds)}"
            for size, seconds in zip(growth["sizes"], growth["seconds"], strict=True)
        )
        text.append(f"\n{growth['task']} by {growth['axis']}: {steps}")
    return text


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"
