"""The page of results: what the sources claim and what was measured, written from the measurements."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stability.errors import writing
from stability.evaluation.calibration import (
    CERTIFIED,
    CLOSED_FORM,
    MOMENTS,
    NEIGHBOURS,
    PLACED,
    PREDICTORS,
    after,
    cases,
    with_calibrated,
    with_places,
)
from stability.evaluation.error_bands import asymmetry, bands, growth
from stability.evaluation.scores import BY, ENTROPIES, parts, score
from stability.exact.moment_bounds import bracket_centre
from stability.figures.calibration import errors_figure, predictors_figure
from stability.figures.style import save
from stability.reproduction.claims import Finding
from stability.sweeps.plan import DIRECTIONS

ASYMMETRIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
GROWTHS = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0)
COMPARED = (CLOSED_FORM, after(CLOSED_FORM), after(CERTIFIED), MOMENTS)
NUMBERS = {"within_50": "within 50 %", "within_8": "within 8 %", "median_error": "median error"}
BROKEN = {"entropy": "entropy", "asymmetry": "the next term", "growth": "a token's growth"}
POINTS = 1500  # drawn of a scatter
HEAD = """# Does the formula hold?

The closed form `r = sqrt(2ε / vᵀHv)` against the true boundary of the stable region, on the packaged
models and the prompts in `stability/reproduction/prompts`. Everything here, figures and numbers, is
written by

    python -m stability reproduce --measure DIR --page PAGE

from the measurements in `stability/reproduction/results` (a row a side of a direction at an ε; the
columns are explained in `stability/sweeps/measurement.py`). At the readout two positions of every
prompt are looked at along {directions}:
eigendirections from 0, isotropic random ones, ones drawn from the covariance of the
model's own states, and ones from the most likely token to those after it. Below the readout, it is
fewer prompts and directions, and boundaries that are not reached within five norms of the vector are
left out; each line says how many radii it is about. Intervals are 95 % bootstrap intervals over
prompts; "calibrated" means by an isotonic fit to *other* prompts. The error of a radius is
predicted/actual − 1.
"""
SCATTER = """
![Actual over predicted radius for three predictors]({figure})

ε = 1 nat, where the closed form is worst: it (left) misses by factors where rare tokens take over. The
certified inner radius (middle) knows the steepest slope as well, and errs to one side, so that it
calibrates. Four moments and both extreme slopes (right) leave little to calibrate: of all laws with
these moments and ends, two extreme ones bracket the boundary, and the geometric mean of the bracket is
drawn. In {token:.0%} of these cases the outer end is nearer than by the moments alone, since the lines
log p_j + t·a_c,j of single tokens bound the divergence from below; they need no exponential either.

"Placed" adds what other prompts tell: the median place of the boundary in the {n} of their brackets
that are most nearly as wide, and an interval that holds 90 % of theirs.
"""
DETAILS = """<details>
<summary>By site, and at the readout by direction and entropy (ε = 1 nat)</summary>
"""
BREAKS = """
{figures}

Where the closed form breaks: predictions that are nearly certain (first figure). The second orders the
same cases by the next term of the series, κ₃ r/(6κ₂): as long as no later term takes over, which it
does at large ε, that term is the error. The third tells why. Across is r·max a_c, what the token that
gains most would gain in log weight up to the predicted radius. Where that is several nats, some token,
however rare, outgrows what the curvature knows of it, and the boundary is nearer than predicted: from
two nats on the lines of all ε but the largest are within a factor of about two. Where no token gains
much for so large an ε, on the left, the divergence saturates instead, and the closed form is too short.
"""


def write_page(
    folder: Path, tables: Mapping[str, pa.Table], found: Mapping[str, Sequence[Finding]]
) -> None:
    """Write `README.md` and its figures into a folder, from each model's table and findings."""
    pages = [HEAD.format(directions=", ".join(DIRECTIONS))]
    with writing("A page needs a folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for model, table in tables.items():
            _draw(folder, model, cases(table))
            pages.append(text(model, table, found[model]))
        (folder / "README.md").write_text("\n".join(pages), "utf-8")


def text(model: str, table: pa.Table, found: Sequence[Finding]) -> str:
    """A model's part of the page."""
    known = cases(table)
    revision, dtype, version = known[["revision", "dtype", "version"]].iloc[0]
    images = (
        f'<img src="{model}-{name}.png" width="32%" alt="Errors over {what}">'
        for name, what in BROKEN.items()
    )
    readout = _large(known[known["site"] == "prelogit"])
    return "\n".join(
        [
            f"\n## {model}\n",
            f"{revision}, {dtype}, stability {version}.\n",
            "| quantity | measured | the source says | setting |\n|---|---|---|---|",
            *(
                f"| {one.quantity} | **{one.value}** | {one.source or '–'} | {one.setting} |"
                for one in found
            ),
            "\n### Three predictors, and others that were tried\n",
            *_scores(with_places(known[known["site"] == "prelogit"])),
            SCATTER.format(
                figure=f"{model}-predictors.png",
                token=np.isclose(readout["outer"], readout["moment_outer"], rtol=1e-6).mean(),
                n=NEIGHBOURS,
            ),
            DETAILS,
            *_by(with_calibrated(_large(known))),
            "\n</details>",
            "\n### Where it breaks\n",
            BREAKS.format(figures="\n".join(images)),
        ]
    )


def _large(known: pd.DataFrame) -> pd.DataFrame:
    """The cases at the largest `ε`."""
    return known[np.isclose(known["epsilon"], known["epsilon"].max())]


def _scores(readout: pd.DataFrame) -> list[str]:
    """Uncalibrated scores of every predictor at every `ε`."""
    tried = {
        "geometric mean of the certified bracket": bracket_centre(
            readout["inner"], readout["outer"]
        ),
        "inner radius by four moments": readout["moment_inner"],
        "outer radius by four moments": readout["moment_outer"],
    }
    lines = [
        "| predictor, as it is | ε (nats) | within 8 % | within 50 % | median error |",
        "|---|---|---|---|---|",
    ]
    for name in (*PREDICTORS, PLACED, *tried):
        for epsilon, part in readout.assign(**tried).groupby("epsilon"):
            own = score(part, name)
            cells = (one.spelled() for one in (own.within_8, own.within_50, own.median_error))
            lines.append(f"| {name} | {epsilon:.2g} | {' | '.join(cells)} |")
    return lines


def _by(large: pd.DataFrame) -> Iterator[str]:
    """Scores by site, and at the readout by direction and entropy: a table for each number."""
    readout = large[large["site"] == "prelogit"]
    scored = {
        f"{by}: {name}": {
            column: score(part, column) for column in COMPARED if part[column].notna().any()
        }
        for by in BY
        for name, part in parts(large if by == "site" else readout, by)
    }
    for number, title in NUMBERS.items():
        yield f"\n| {title} | radii | {' | '.join(COMPARED)} |"
        yield "|---" * (len(COMPARED) + 2) + "|"
        for name, own in scored.items():
            found = (getattr(own[column], number) if column in own else None for column in COMPARED)
            cells = ("–" if one is None else one.spelled() for one in found)
            yield f"| {name} | {own[CLOSED_FORM].n} | {' | '.join(cells)} |"


def _draw(folder: Path, model: str, known: pd.DataFrame) -> None:
    """The figures of a model."""
    readout = known[known["site"] == "prelogit"]
    large = _large(readout)
    shown = large.sample(min(POINTS, len(large)), random_state=0)
    figures = {
        "predictors": predictors_figure(shown, PREDICTORS),
        "entropy": errors_figure(
            bands(readout, readout["entropy"], ENTROPIES), "entropy of the prediction (nats)"
        ),
        "asymmetry": errors_figure(
            bands(readout, asymmetry(readout).abs(), ASYMMETRIES), "size of κ₃ r / (6 κ₂)"
        ),
        "growth": errors_figure(
            bands(readout, growth(readout), GROWTHS), "log weight that a token gains at most (nats)"
        ),
    }
    for name, figure in figures.items():
        save(figure, folder / f"{model}-{name}.png", scale=1.5)
