"""The page of results: what the sources claim and what was measured, written from the measurements."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stability.calibration import PREDICTORS, cases, score
from stability.figures.calibration import errors_figure, predictors_figure
from stability.reproduction import Finding, asymmetry, bands

ENTROPIES = (0.1, 0.3, 1.0, 2.0, 3.0, 4.0)
ASYMMETRIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
POINTS = 1500  # drawn of a scatter
HEAD = """# Does the formula hold?

The closed form `r = sqrt(2ε / vᵀHv)` against the true boundary of the stable region, on the packaged
models and the prompts in `assets/prompts`. Everything here, figures and numbers, is written by

    python -m stability reproduce --measure DIR --page PAGE

from the measurements beside it (`*.parquet`, a row a side of a direction at an ε; the columns are
explained in `stability/plans.py`). Intervals are 95 % bootstrap intervals over prompts; "calibrated"
means by an isotonic fit to *other* prompts. The error of a radius is predicted/actual − 1.
"""
SCATTER = """
![Actual over predicted radius for three predictors]({figure})

ε = 1 nat, where the closed form is worst: it (left) misses by factors where rare tokens take over. The
certified inner radius (middle) knows the steepest slope as well, and errs to one side, so that it
calibrates. Four moments and both extreme slopes (right) leave little to calibrate: of all laws with
these moments and ends, two extreme ones bracket the boundary, and their geometric mean is drawn.
"""
BREAKS = """
![Errors over entropy]({entropy}) ![Errors over asymmetry]({asymmetry})

Where the closed form breaks: predictions that are nearly certain (left), because of what their rare
tokens do. The right figure orders the same cases by the next term of the series, κ₃ r/(6κ₂): as long
as no later term takes over, which it does at large ε, that term is the error.
"""


def write_page(
    folder: Path, tables: Mapping[str, pa.Table], found: Mapping[str, Sequence[Finding]]
) -> None:
    """Write `README.md` and its figures into a folder, from each model's table and findings."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [HEAD]
    for model, table in tables.items():
        _draw(folder, model, cases(table))
        parts.append(text(model, table, found[model]))
    (folder / "README.md").write_text("\n".join(parts), "utf-8")


def text(model: str, table: pa.Table, found: Sequence[Finding]) -> str:
    """A model's part of the page."""
    known = cases(table)
    revision, version = known["revision"].iloc[0], known["version"].iloc[0]
    figures = {name: f"{model}-{name}.png" for name in ("entropy", "asymmetry")}
    return "\n".join(
        [
            f"\n## {model}\n",
            f"{revision}, float32, stability {version}.\n",
            "| quantity | measured | the source says | setting |\n|---|---|---|---|",
            *(
                f"| {one.quantity} | **{one.value}** | {one.source or '–'} | {one.setting} |"
                for one in found
            ),
            "\n### Three predictors, and others that were tried\n",
            *_scores(known[known["site"] == "prelogit"]),
            SCATTER.format(figure=f"{model}-predictors.png"),
            "### Where it breaks\n",
            BREAKS.format(**figures),
        ]
    )


def _scores(readout: pd.DataFrame) -> list[str]:
    """Uncalibrated scores of every predictor at every `ε`."""
    tried = {
        **{name: readout[name] for name in PREDICTORS},
        "geometric mean of the certified bracket": (readout["inner"] * readout["outer"]) ** 0.5,
        "inner radius by four moments": readout["moment_inner"],
        "outer radius by four moments": readout["moment_outer"],
    }
    lines = [
        "| predictor, as it is | ε (nats) | within 8 % | within 50 % | median error |",
        "|---|---|---|---|---|",
    ]
    for name, radii in tried.items():
        for epsilon, part in readout.groupby("epsilon"):
            known = part[radii[part.index].notna()]
            own = score(
                radii[known.index].to_numpy(float),
                known["actual"].to_numpy(float),
                known["prompt_index"].to_numpy(),
            )
            cells = (f"{x.value:.1%}" for x in (own.within_8, own.within_50, own.median_error))
            lines.append(f"| {name} | {epsilon:.2g} | {' | '.join(cells)} |")
    return lines


def _draw(folder: Path, model: str, known: pd.DataFrame) -> None:
    """The figures of a model."""
    readout = known[known["site"] == "prelogit"]
    large = readout[np.isclose(readout["epsilon"], readout["epsilon"].max())]
    shown = large.sample(min(POINTS, len(large)), random_state=0)
    titles = {name: name for name in PREDICTORS}
    figures = {
        "predictors": predictors_figure(shown, titles),
        "entropy": errors_figure(
            bands(readout, readout["entropy"], ENTROPIES), "entropy of the prediction (nats)"
        ),
        "asymmetry": errors_figure(
            bands(readout, asymmetry(readout).abs(), ASYMMETRIES), "size of κ₃ r / (6 κ₂)"
        ),
    }
    for name, figure in figures.items():
        figure.write_image(folder / f"{model}-{name}.png", scale=1.5)
