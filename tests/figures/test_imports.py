"""Figures are drawn from numbers alone: nothing that computes them is loaded."""

import subprocess
import sys

from support.paths import ROOT


def test_importing_every_figure_loads_no_torch():
    code = (
        "import importlib, pkgutil, sys, stability.figures as figures\n"
        "for module in pkgutil.iter_modules(figures.__path__):\n"
        "    print(importlib.import_module(f'stability.figures.{module.name}').__name__)\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *figures, loaded = done.stdout.splitlines()
    assert {"stability.figures.region", "stability.figures.depth"} <= {*figures}
    assert "plotly" in loaded.split()
    assert {"torch", "transformers", "streamlit"}.isdisjoint(loaded.split())
