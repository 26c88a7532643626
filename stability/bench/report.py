"""The bench from a model's name to its report: plain data, and a table of it."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

import stability
from stability.bench.cases import CASES
from stability.bench.depth import depth_rows
from stability.bench.scaling import growths
from stability.bench.timing import Row
from stability.prediction.state import State

PACKAGES = ("torch", "numpy", "scipy", "transformers", "hessian-eigenthings")


def bench(
    states: Sequence[State],
    suites: Sequence[str],
    deep: tuple[Sequence[State], Sequence[State]] | None = None,
) -> dict[str, Any]:
    """Measure suites on the states of a prompt; everything as plain data, ready for JSON.

    `deep` are the states of a shorter prompt at the first block, and its last one's at every block.
    Times are medians in seconds, ratios are baseline over ours, both from this one run.
    """
    rows = [row for name in suites if name in CASES for row in CASES[name](states)]
    if deep is not None and "depth" in suites:
        rows += depth_rows(*deep)
    found = [*growths(states)] if "scaling" in suites else []
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
        "rows": [_plain(row) for row in rows],
        "scaling": [asdict(growth) for growth in found],
    }


def _plain(row: Row) -> dict[str, Any]:
    return asdict(row) | {"ratios": {name: row.ratio(name) for name in row.baselines}}


def lines(report: dict[str, Any]) -> list[str]:
    """The report as lines for a person."""
    model, versions = report["model"], report["versions"]
    found = [
        f"{model['name']} ({model['revision']}): V = {model['vocab_size']}, d = {model['d_model']}, "
        f"{report['tokens']} tokens; {report['device']}, {report['threads']} threads; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
    ]
    for row in report["rows"]:
        found.append(f"\n{row['suite']}: {row['what']}: {_milliseconds(row['seconds'])}")
        found += [
            f"  {row['ratios'][name]:8.1f} × the time: {name}, {_milliseconds(seconds)}"
            for name, seconds in row["baselines"].items()
        ]
        found += [f"  {value:8.2g}   {name}" for name, value in row["accuracy"].items()]
    for growth in report["scaling"]:
        steps = ", ".join(
            f"{size}: {_milliseconds(seconds)}"
            for size, seconds in zip(growth["sizes"], growth["seconds"], strict=True)
        )
        found.append(f"\n{growth['task']} by {growth['axis']}: {steps}")
    return found


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"
