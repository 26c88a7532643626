"""The page of results: the sources' claims beside the measurements, written from the measurements."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from stability.errors import writing
from stability.evaluation.bracket_fractions import (
    MEDIAN_FRACTION,
    NEIGHBOURS,
    with_median_fractions,
)
from stability.evaluation.calibration import (
    CERTIFIED_INNER,
    CLOSED_FORM,
    MOMENTS,
    PREDICTORS,
    after,
    cases,
    with_calibrated,
)
from stability.evaluation.error_bands import asymmetry, bands, growth
from stability.evaluation.scores import BY, ENTROPIES, parts, score
from stability.exact.moment_bounds import bracket_centre
from stability.figures.calibration import errors_figure, predictors_figure
from stability.figures.style import save
from stability.reproduction.claim import Claim
from stability.reproduction.dose_page import dose_text, save_dose_figures
from stability.reproduction.page_text import (
    BREAKS,
    CLAIM_HEAD,
    DETAILS,
    DOSE_HEAD,
    DOSES_MISSING,
    HEAD,
    SCATTER,
    claim_row,
)
from stability.sweeps.plan import DIRECTIONS

ASYMMETRIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
GROWTHS = (0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 10.0)
COMPARED = (CLOSED_FORM, after(CLOSED_FORM), after(CERTIFIED_INNER), MOMENTS)
SCORE_TITLES = {
    "within_50": "within 50 %",
    "within_8": "within 8 %",
    "median_error": "median error",
}
ERROR_FIGURES = {"entropy": "entropy", "asymmetry": "the next term", "growth": "a token's growth"}
# of a scatter, which a page shows as a picture
PICTURE_POINTS = 1500


def write_page(
    folder: Path,
    tables: Mapping[str, pa.Table],
    claims: Mapping[str, Sequence[Claim]],
    doses: Mapping[str, pa.Table],
    of_doses: Mapping[str, Sequence[Claim]],
) -> None:
    """Write `README.md` and its figures into a folder, from each model's tables and claims."""
    sections = [HEAD.format(directions=", ".join(DIRECTIONS))]
    with writing("A page needs a folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for model, table in tables.items():
            _save_figures(folder, model, cases(table))
            sections.append(text(model, table, claims[model]))
        sections.append(DOSE_HEAD)
        for model, table in doses.items():
            save_dose_figures(folder, model, table)
            sections.append(dose_text(model, table, of_doses[model]))
        sections += [DOSES_MISSING.format(model=model) for model in tables if model not in doses]
        (folder / "README.md").write_text("\n".join(sections), "utf-8")


def text(model: str, table: pa.Table, claims: Sequence[Claim]) -> str:
    """A model's section of the page."""
    measured = cases(table)
    revision, dtype, version = measured[["revision", "dtype", "version"]].iloc[0]
    images = (
        f'<img src="{model}-{name}.png" width="32%" alt="Errors over {quantity}">'
        for name, quantity in ERROR_FIGURES.items()
    )
    readout = measured[measured["site"] == "prelogit"]
    large = _at_largest_epsilon(readout)
    return "\n".join(
        [
            f"\n## {model}\n",
            f"{revision}, {dtype}, stability {version}.\n",
            CLAIM_HEAD,
            *map(claim_row, claims),
            "\n### Three predictors, and others that were tried\n",
            *_predictor_rows(with_median_fractions(readout)),
            SCATTER.format(
                figure=f"{model}-predictors.png",
                token=np.isclose(large["outer"], large["moment_outer"], rtol=1e-6).mean(),
                n=NEIGHBOURS,
            ),
            DETAILS,
            *_group_tables(with_calibrated(_at_largest_epsilon(measured))),
            "\n</details>",
            "\n### Where it breaks\n",
            BREAKS.format(figures="\n".join(images)),
        ]
    )


def _at_largest_epsilon(measured: pd.DataFrame) -> pd.DataFrame:
    return measured[np.isclose(measured["epsilon"], measured["epsilon"].max())]


def _predictor_rows(readout: pd.DataFrame) -> Iterator[str]:
    """A table of the uncalibrated scores of every predictor at every `ε`."""
    tried = {
        "geometric mean of the certified bracket": bracket_centre(
            readout["inner"], readout["outer"]
        ),
        "inner radius by four moments": readout["moment_inner"],
        "outer radius by four moments": readout["moment_outer"],
    }
    yield "| predictor, as it is | ε (nats) | within 8 % | within 50 % | median error |"
    yield "|---|---|---|---|---|"
    for name in (*PREDICTORS, MEDIAN_FRACTION, *tried):
        for epsilon, group in readout.assign(**tried).groupby("epsilon"):
            radii = score(group, name)
            estimates = (radii.within_8, radii.within_50, radii.median_error)
            cells = " | ".join(estimate.spelled() for estimate in estimates)
            yield f"| {name} | {epsilon:.2g} | {cells} |"


def _group_tables(large: pd.DataFrame) -> Iterator[str]:
    """Scores by site, and at the readout by direction and entropy: a table for each number."""
    readout = large[large["site"] == "prelogit"]
    scores = {
        f"{by}: {name}": {
            column: score(group, column) for column in COMPARED if group[column].notna().any()
        }
        for by in BY
        for name, group in parts(large if by == "site" else readout, by)
    }
    for field, title in SCORE_TITLES.items():
        yield f"\n| {title} | radii | {' | '.join(COMPARED)} |"
        yield "|---" * (len(COMPARED) + 2) + "|"
        for name, by_column in scores.items():
            cells = (
                getattr(by_column[column], field).spelled() if column in by_column else "–"
                for column in COMPARED
            )
            yield f"| {name} | {by_column[CLOSED_FORM].n} | {' | '.join(cells)} |"


def _save_figures(folder: Path, model: str, measured: pd.DataFrame) -> None:
    """Draw the figures of a model into a folder."""
    readout = measured[measured["site"] == "prelogit"]
    large = _at_largest_epsilon(readout)
    sample = large.sample(min(PICTURE_POINTS, len(large)), random_state=0)
    figures = {
        "predictors": predictors_figure(sample, PREDICTORS),
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
